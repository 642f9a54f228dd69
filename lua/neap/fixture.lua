-- From what was recorded to a specification: given, when, expect, with no more than it takes.

local internal = require "neap.internal"
local check = require "neap.check"
local new_file = require "neap.new_file"
local errors = require "neap.errors"
local sorted = require "neap.sorted"

local fixture = {}

---@class neap.FixtureOptions
---@field from? integer the first version of the instance that is wanted; else that of `to`
---@field to? integer the last one; else the last that there is
---@field whole? boolean what was before stays whole, also where the outcome is the same without
---@field keep? string[] types of events that stay, also where the outcome is the same without
---@field against? string the file of the same domain with other code, that decides otherwise: what
--- its outcome needs stays, too
---@field file? string where the specification is written too; there must be no such file yet

---@class neap.FixtureDecision a command, and what it led to
---@field command table as Past:command() gives it
---@field events neap.StoredEvent[]
---@field given neap.StoredEvent[] what was before
---@field at? integer the time, where the outcome is another one without it
---@field meta? table<string, string> the same
---@field fault? string what fails with the other code; nil: nothing does

---@class neap.FixtureRun
---@field spec neap.spec
---@field domain neap.SpecDomain
---@field other? neap.SpecDomain of the other code
---@field keep table<string, true> types
---@field go_on? fun(position: integer, target: integer): boolean
---@field runs integer

-- ---- What is asked for --------------------------------------------------------------------------

local kinds = {
  from = "integer", to = "integer", whole = "boolean", keep = "table", against = "string",
  file = "string",
}

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

local function check_defined(past, kind, name)
  local names = {}
  for _, each in ipairs(past:definitions()) do
    if each.kind == kind then names[#names + 1] = each.name end
    if each.kind == kind and each.name == name then return end
  end
  check.misuse("fixture: the domain has no %s '%s'%s", kind, tostring(name),
    check.did_you_mean(tostring(name), names))
end

-- The types that stay, as a set.
local function types_kept(past, options)
  local kept = {}
  for _, name in ipairs(options.keep or {}) do
    check_defined(past, "event", name)
    kept[name] = true
  end
  return kept
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

local function try(spec, domain, decision, given)
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

-- Each is a run of the domain. Behind so many, what of a long stream is still there stays.
local most_runs = 1000

-- The host may end it here. What ends a handler, as Ctrl-C does, only looks like an outcome of it.
local function ask(run)
  run.runs = run.runs + 1
  if run.go_on and not run.go_on(math.min(run.runs, most_runs), most_runs) then
    error(errors.new("unavailable", "fixture: stopped after %d runs of the domain", run.runs), 0)
  end
end

local function holds(run, domain, decision, given)
  local ok, why = pcall(try, run.spec, domain, decision, given)
  ask(run)
  return ok, why
end

-- It must come out as recorded before anything is left out; the clock and what was kept with the
-- command are said only where they matter.
local function settle(run, decision)
  local command, reason = decision.command, nil
  local at, meta = command.recorded_at, command.meta
  for _, said in ipairs { {}, { at = at }, { meta = meta }, { at = at, meta = meta } } do
    decision.at, decision.meta = said.at, said.meta
    local ok, why = holds(run, run.domain, decision, decision.given)
    if ok then
      if run.other then
        local same, fault = holds(run, run.other, decision, decision.given)
        decision.fault = not same and tostring(fault) or nil
      end
      return
    end
    reason = why
  end
  check.misuse("fixture: from the events of its stream alone, %s does not lead again to event %d: "
    .. "%s", command.name, decision.events[1].position, tostring(reason))
end

-- Whether both codes come to the same from these events as from all of them.
local function comes_out(run, decision, given)
  if not holds(run, run.domain, decision, given) then return false end
  if not decision.fault then return true end
  local same, fault = holds(run, run.other, decision, given)
  return not same and tostring(fault) == decision.fault
end

-- Without so many of a list; what is to be kept stays, and is not counted.
local function without(run, list, from, count)
  local rest, left_out = {}, 0
  for i, event in ipairs(list) do
    if i < from or left_out == count or run.keep[event.type] then
      rest[#rest + 1] = event
    else
      left_out = left_out + 1
    end
  end
  return rest, left_out
end

-- Leaves out what is not needed: all at first, single events in the end, until each is needed.
local function minimise(run, decision)
  local given, size = decision.given, #decision.given
  local last_run = run.runs + most_runs
  while size > 0 do
    local from, left_out = 1, false
    while from <= #given and run.runs < last_run do
      local rest, count = without(run, given, from, size)
      if count > 0 and comes_out(run, decision, rest) then
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

local function closing(domain)
  return setmetatable({}, { __close = function() if domain then domain:close_last() end end })
end

local function check_fault(run, decisions)
  for _, decision in ipairs(decisions) do
    if decision.fault then return end
  end
  check.misuse("fixture: %s decides as was recorded, too: there is no fault to show", run.against)
end

local function make(past, path, aggregate, id, options, go_on)
  local stream = aggregate .. "-" .. tostring(id)
  local last = past:first { stream = stream, backward = true, limit = 1 }
  local from, to = check_range(stream, options, last and last.version or 0)
  local spec = require "neap.spec" -- here, as a domain's own files may load the module of pasts
  local decisions = decisions_in(past, stream, from, to)
  local run = {
    spec = spec, domain = spec.domain(path), keep = types_kept(past, options), go_on = go_on,
    against = options.against, other = options.against and spec.domain(options.against), runs = 0,
  }
  local _ <close> = closing(run.domain)
  local _ <close> = closing(run.other)
  for _, decision in ipairs(decisions) do settle(run, decision) end
  if run.other then check_fault(run, decisions) end
  for _, decision in ipairs(decisions) do
    if not options.whole then minimise(run, decision) end
  end
  return text_of(run.domain, path, stream, decisions)
end

---A specification of what was decided about an instance, which holds for the domain as it is.
---@param past neap.Past
---@param path string the domain's file
---@param aggregate string by key
---@param id string | integer
---@param options? neap.FixtureOptions
---@param go_on? fun(position: integer, target: integer): boolean
---@return string? text
---@return neap.Error? err it was ended by go_on
function fixture.of(past, path, aggregate, id, options, go_on)
  options = check_options(options)
  check_defined(past, "aggregate", aggregate)
  local ok, made = pcall(make, past, path, aggregate, id, options, go_on)
  if not ok then
    if type(made) == "table" and made.code == "unavailable" then return nil, made end
    error(made, 0)
  end
  if options.file then
    new_file.write(options.file, "fixture", string.gmatch(made, "[^\n]*\n"))
  end
  return made
end

return fixture
