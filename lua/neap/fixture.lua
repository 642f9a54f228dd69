-- From what was recorded to a specification: given, when, expect, with no more than it takes.

local internal = require "neap.internal"
local check = require "neap.check"
local sorted = require "neap.sorted"

local fixture = {}

---@class neap.FixtureOptions
---@field from? integer the first version of the instance that is wanted; else that of `to`
---@field to? integer the last one; else the last that there is
---@field whole? boolean what was before stays whole, also where the outcome is the same without
---@field file? string where the specification is written too; there must be no such file yet

---@class neap.FixtureDecision a command, and what it led to
---@field command table as Past:command() gives it
---@field events neap.StoredEvent[]
---@field given neap.StoredEvent[] what was before
---@field at? integer the time, where the outcome is another one without it
---@field meta? table<string, string> the same

-- ---- What is asked for --------------------------------------------------------------------------

local kinds = { from = "integer", to = "integer", whole = "boolean", file = "string" }

local function check_options(options)
  if options ~= nil and type(options) ~= "table" then
    check.misuse("fixture: options must be a table, but are a %s", type(options))
  end
  for key, value in pairs(options or {}) do
    local kind = kinds[key]
    if not kind then
      check.misuse("fixture: there is no option '%s'%s", tostring(key),
        check.did_you_mean(tostring(key), check.sorted_keys(kinds)))
    elseif (math.type(value) or type(value)) ~= kind then
      check.misuse("fixture: option %s must be %s, but is %s", key, check.a(kind), tostring(value))
    end
  end
  return options or {}
end

local function check_aggregate(past, aggregate)
  local names = {}
  for _, each in ipairs(past:definitions()) do
    if each.kind == "aggregate" then names[#names + 1] = each.name end
    if each.kind == "aggregate" and each.name == aggregate then return end
  end
  check.misuse("fixture: the domain has no aggregate '%s'%s", tostring(aggregate),
    check.did_you_mean(tostring(aggregate), names))
end

local function check_range(stream, options, last)
  local to = options.to or last
  local from = options.from or to
  if last == 0 then
    check.misuse("fixture: there are no events of %s here", stream)
  elseif from < 1 or from > to or to > last then
    check.misuse("fixture: %s has the versions 1 to %d here, not %d to %d", stream, last, from, to)
  end
  return from, to
end

-- ---- What was decided ---------------------------------------------------------------------------

-- The events that the command behind one of them led to, in any streams.
local function events_of(past, event, command)
  local function is_of_it(position)
    local other = past:command(position)
    return other ~= nil and other.id == command.id
  end
  local first, last = event.position, event.position
  while first > 1 and is_of_it(first - 1) do first = first - 1 end
  while last < past:position() and is_of_it(last + 1) do last = last + 1 end
  local events = {}
  for each in past:events { from = first, to = last } do events[#events + 1] = each end
  return events
end

local function events_before(past, stream, position)
  local events = {}
  for event in past:events { stream = stream } do
    if event.position >= position then break end
    events[#events + 1] = event
  end
  return events
end

local function decisions_in(past, stream, from, to)
  local decisions, last_id = {}, nil
  for event in past:events { stream = stream, from = from, to = to } do
    local command, err = past:command(event.position)
    if err then error(err, 0) end
    if command and command.id ~= last_id then
      local events = events_of(past, event, command)
      decisions[#decisions + 1] = {
        command = command, events = events,
        given = events_before(past, stream, events[1].position),
      }
      last_id = command.id
    end
  end
  if #decisions == 0 then
    check.misuse("fixture: no command decided the versions %d to %d of %s: they were published",
      from, to, stream)
  end
  return decisions
end

-- ---- What it takes ------------------------------------------------------------------------------

---The stream has to be said where the event does not tell.
local function needs_stream(domain, event, command)
  local ok, stream = pcall(domain.stream_of, domain, { name = event.type, fields = event.data },
    { name = command.name, fields = command.data or {} })
  return not ok or stream ~= event.stream
end

local function run(spec, domain, decision, given)
  local command, before, expected = decision.command, {}, {}
  for i, event in ipairs(given) do
    local message = { event.type, event.data }
    before[i] = needs_stream(domain, event, command) and spec.on(event.stream, message) or message
  end
  for i, event in ipairs(decision.events) do expected[i] = { event.type, event.data } end
  local scenario = domain:given(before)
  if decision.at then scenario:at(decision.at) end
  if decision.meta then scenario:meta(decision.meta) end
  scenario:when({ command.name, command.data or {} }):expect(table.unpack(expected))
end

local function holds(spec, domain, decision, given)
  return pcall(run, spec, domain, decision, given)
end

-- It must come out as recorded before anything is left out; the clock and what was kept with the
-- command are said only where they matter.
local function settle(spec, domain, decision)
  local command, reason = decision.command, nil
  local at, meta = command.recorded_at, command.meta
  for _, said in ipairs { {}, { at = at }, { meta = meta }, { at = at, meta = meta } } do
    decision.at, decision.meta = said.at, said.meta
    local ok, why = holds(spec, domain, decision, decision.given)
    if ok then return end
    reason = why
  end
  check.misuse("fixture: from the events of its stream alone, %s does not lead again to event %d: "
    .. "%s", command.name, decision.events[1].position, tostring(reason))
end

local function without(list, from, count)
  local rest = table.move(list, 1, from - 1, 1, {})
  return table.move(list, from + count, #list, from, rest)
end

-- Each is a run of the domain. Behind so many, what of a long stream is still there stays.
local most_runs = 1000

-- Leaves out what is not needed: all at first, single events in the end, until each is needed.
local function minimise(spec, domain, decision)
  local given, size, runs = decision.given, #decision.given, 0
  while size > 0 do
    local from, left_out = 1, false
    while from <= #given and runs < most_runs do
      runs = runs + 1
      local rest = without(given, from, math.min(size, #given - from + 1))
      if holds(spec, domain, decision, rest) then
        given, left_out = rest, true
      else
        from = from + size
      end
    end
    if size > 1 or not left_out then size = size // 2 end
  end
  decision.given = given
end

-- ---- As text ------------------------------------------------------------------------------------

local function is_name(text)
  return string.find(text, "^[%a_][%w_]*$") and load("local " .. text) ~= nil
end

local function literal(value)
  local kind = type(value)
  if value == internal.null then
    return 'require("neap").null'
  elseif kind == "table" then
    local parts, count = {}, rawlen(value)
    for i = 1, count do parts[i] = literal(value[i]) end
    for key, each in sorted(value) do
      if not (math.type(key) == "integer" and key >= 1 and key <= count) then
        local name = type(key) == "string" and is_name(key) and key or "[" .. literal(key) .. "]"
        parts[#parts + 1] = name .. " = " .. literal(each)
      end
    end
    return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
  elseif kind == "number" and tonumber(tostring(value)) == value
    and math.type(tonumber(tostring(value))) == math.type(value) then
    return tostring(value)
  elseif kind == "string" then
    return (string.gsub(string.format("%q", value), "\\\n", "\\n"))
  end
  return string.format("%q", value)
end

local function message(event)
  return string.format("{ %s, %s }", literal(event.type), literal(event.data))
end

local function add_decision(lines, domain, decision)
  local command = decision.command
  local function add(format, ...) lines[#lines + 1] = string.format(format, ...) end
  add("")
  add("  it(%s, function()", literal(string.format("decides %s, as of event %d", command.name,
    decision.events[1].position)))
  add("    domain:given {%s", #decision.given == 0 and "}" or "")
  for _, event in ipairs(decision.given) do
    add(needs_stream(domain, event, command) and "      spec.on(%s, %s)," or "      %s%s,",
      needs_stream(domain, event, command) and literal(event.stream) or "", message(event))
  end
  if #decision.given > 0 then add("    }") end
  if decision.at then add("      :at(%d)", decision.at) end
  if decision.meta then add("      :meta(%s)", literal(decision.meta)) end
  add("      :when(%s, %s)", literal(command.name), literal(command.data or {}))
  local expected = {}
  for i, event in ipairs(decision.events) do expected[i] = message(event) end
  add("      :expect(%s)", table.concat(expected, ",\n        "))
  add("  end)")
end

local function text_of(domain, path, stream, decisions)
  local body = {}
  for _, decision in ipairs(decisions) do add_decision(body, domain, decision) end
  table.remove(body, 1)
  local lines = {
    'local spec = require "neap.spec"',
    string.format("local domain = spec.domain(%s)", literal(path)),
    "",
    string.format("describe(%s, function()", literal(stream)),
    table.concat(body, "\n"),
    "end)",
    "",
  }
  return table.concat(lines, "\n")
end

local function write(file, text)
  local there = io.open(file, "r")
  if there then
    there:close()
    check.misuse("fixture: there is a file %s already", file)
  end
  local handle, err = io.open(file, "w")
  local ok = handle
  if handle then
    ok, err = handle:write(text)
    local closed, why = handle:close()
    ok, err = ok and closed, err or why
  end
  if not ok then check.misuse("fixture: it cannot be written: %s", err) end
end

---A specification of what was decided about an instance, which holds for the domain as it is.
---@param past neap.Past
---@param path string the domain's file
---@param aggregate string by key
---@param id string | integer
---@param options? neap.FixtureOptions
---@return string text
function fixture.of(past, path, aggregate, id, options)
  options = check_options(options)
  check_aggregate(past, aggregate)
  local stream = aggregate .. "-" .. tostring(id)
  local last = past:events { stream = stream, backward = true, limit = 1 }()
  local from, to = check_range(stream, options, last and last.version or 0)
  local spec = require "neap.spec" -- here, as a domain's own files may load the module of pasts
  local decisions, domain = decisions_in(past, stream, from, to), spec.domain(path)
  local _ <close> = setmetatable({}, { __close = function() domain:close_last() end })
  for _, decision in ipairs(decisions) do
    settle(spec, domain, decision)
    if not options.whole then minimise(spec, domain, decision) end
  end
  local text = text_of(domain, path, stream, decisions)
  if options.file then write(options.file, text) end
  return text
end

return fixture
