-- One run of a domain in the spec kit: what was there, what was asked for, what came of it.

local internal = require "neap.internal"
local check = require "neap.check"
local difference = require "neap.difference"

---What a specification begins with: 2025-01-01, in UTC.
local start_us = 1735689600000000

---A message with its stream, from `spec.on`; or a rejection, from `spec.rejection`.
local placed, rejected = { __name = "neap.spec.on" }, { __name = "neap.spec.rejection" }

---What a domain did. Every method but `query` gives the scenario again, so that calls can follow
---one another; what is not as expected is an error at the line of the call.
---@class neap.Scenario
---@field private of neap.SpecDomain
---@field private steps function[] what `given` asked for and `when` has not run yet
---@field private runtime neap.Runtime | false
---@field private now integer
---@field private met table<string, string> | false
---@field private replaced table<string, any> | false
---@field private outcome table | false of the last `when`
local Scenario = {}

local scenario = { placed = placed, rejected = rejected }

---Raises at the line of the specification.
---@param message string
---@param ... any formatted into the message
local function fail(message, ...)
  local file, line = internal.here()
  local text = select("#", ...) > 0 and string.format(message, ...) or message
  error(string.format("%s:%d: %s", file, line, text), 0)
end

scenario.fail = fail

---@param lines string[]
local function fail_lines(lines)
  fail("%s", table.concat(lines, "\n"))
end

---@param err neap.Error
---@return string
local function told(err)
  local text = string.format("%s (%s): %s",
    err.status == "rejected" and "was rejected" or "failed", err.code, err.message)
  return err.traceback and text .. "\n  " .. string.gsub(err.traceback, "\n", "\n  ") or text
end

-- ---- Messages ---------------------------------------------------------------------------------

---@param name string
---@param fields table
---@return string
local function shown(name, fields)
  return name .. (next(fields) ~= nil and " " .. difference.show(fields) or "")
end

---@param self neap.Scenario
---@param value any
---@return table? { name, fields, stream? }
local function message_of(self, value)
  local kind = getmetatable(value)
  if kind == placed then
    local message = message_of(self, value.event)
    return message and { name = message.name, fields = message.fields, stream = value.stream }
  elseif type(value) ~= "table" then
    return nil
  elseif type(kind) == "string" then
    return { name = kind, fields = value }
  elseif type(value[1]) == "string" and (value[2] == nil or type(value[2]) == "table") then
    return { name = value[1], fields = value[2] or {} }
  end
end

---Reads messages: constructors' results, { name, fields }, or a name followed by its fields.
---@param self neap.Scenario
---@param values table as from table.pack
---@param method string
---@param kinds table<neap.Kind, boolean>
---@return table[]
local function read(self, values, method, kinds)
  local messages, index, count = {}, 1, values.n or #values
  while index <= count do
    local value = values[index]
    local message = message_of(self, value)
    if type(value) == "string" then
      local fields = values[index + 1]
      local has = type(fields) == "table" and not message_of(self, fields)
      message = { name = value, fields = has and fields or {} }
      index = has and index + 1 or index
    end
    if not message then
      fail("%s: expected a message, as its constructor gives it or as a name with a table, got %s",
        method, difference.show(value))
    end
    message.definition = self.of:message(message.name, method)
    if not kinds[message.definition.kind] then
      fail("%s: %s is %s", method, message.name, check.a(message.definition.kind))
    end
    messages[#messages + 1], index = message, index + 1
  end
  return messages
end

---Reads one message.
local function read_one(self, method, kinds, ...)
  local messages = read(self, table.pack(...), method, kinds)
  if #messages ~= 1 then
    fail("%s needs one message, got %d", method, #messages)
  end
  return messages[1]
end

-- ---- Running ----------------------------------------------------------------------------------

---@param self neap.Scenario
---@return neap.Runtime
local function runtime_of(self)
  if not self.runtime then
    self.runtime = self.of:open(self.replaced or nil, function()
      return self.now
    end)
  end
  return self.runtime
end

---Does what `given` asked for.
---@param self neap.Scenario
---@param command? table of the `when` that follows
local function catch_up(self, command)
  local steps = self.steps
  self.steps = {}
  for _, step in ipairs(steps) do
    step(command)
  end
end

---@param self neap.Scenario
---@return integer
local function head(self)
  local last = runtime_of(self):events { backward = true, limit = 1 }()
  return last and last.position or 0
end

---@param self neap.Scenario
---@param event table
---@param command? table
local function record(self, event, command)
  local stream = event.stream or self.of:stream_of(event, command)
  local _, err = runtime_of(self):publish(event.name, event.fields,
    { stream = stream, meta = self.met or nil })
  if err then
    fail("given: %s cannot be recorded: %s", event.name, tostring(err))
  end
end

---@param self neap.Scenario
---@param command table
local function obey(self, command)
  local _, err = runtime_of(self):dispatch(command.name, command.fields, { meta = self.met or nil })
  if err then
    fail("given: %s %s", shown(command.name, command.fields), told(err))
  end
end

---What has happened before: events, and commands that succeed, in a list, in their order. An event
---is recorded in the stream of the aggregate that folds it, which its key names (or else that of
---the command behind it); `spec.on(stream, event)` says another one.
---@param messages table[]
---@return neap.Scenario
function Scenario:given(messages)
  if type(messages) ~= "table" or type(getmetatable(messages)) == "string" then
    fail("given needs a list of events and commands, got %s", difference.show(messages))
  end
  local read_messages = read(self, messages, "given", { event = true, command = true })
  for _, message in ipairs(read_messages) do
    self.steps[#self.steps + 1] = function(command)
      if message.definition.kind == "event" then
        record(self, message, command)
      else
        obey(self, message)
      end
    end
  end
  return self
end

---@param text string
---@return integer?
local function time_of(text)
  local pattern = "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)(%.?%d*)Z$"
  local year, month, day, hour, minute, second, fraction = string.match(text, pattern)
  if not year or fraction ~= "" and not string.find(fraction, "^%.%d+$") then
    return nil
  end
  local y, m = math.tointeger(year), math.tointeger(month)
  if m < 3 then
    y, m = y - 1, m + 12
  end
  local days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * (m - 3) + 2) // 5
    + math.tointeger(day) - 719469
  local seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
  return math.tointeger(seconds) * 1000000
    + math.tointeger(string.sub(string.sub(fraction, 2) .. "000000", 1, 6))
end

---What the clock shows from here on; until then it shows 2025-01-01T00:00:00Z.
---@param time integer | string µs since 1970, UTC; or as in "2025-03-01T12:00:00Z"
---@return neap.Scenario
function Scenario:at(time)
  local now = type(time) == "string" and time_of(time) or math.type(time) == "integer" and time
  if not now or now <= 0 then
    fail('at needs µs since 1970 as an integer, or a text as "2025-03-01T12:00:00Z", got %s',
      difference.show(time))
  end
  self.steps[#self.steps + 1] = function()
    self.now = now
  end
  return self
end

---What is kept with the events from here on, as the option `meta` of `dispatch`.
---@param meta table<string, string>
---@return neap.Scenario
function Scenario:meta(meta)
  self.steps[#self.steps + 1] = function()
    self.met = meta
  end
  return self
end

---Replaces services, before anything is done.
---@param services table<string, any> tables of functions, by name
---@return neap.Scenario
function Scenario:services(services)
  if self.runtime then
    fail("services: this comes too late, something was done already")
  end
  self.replaced = services
  return self
end

---The state that a decision left must be that of its stream folded anew: a fold that looks at
---anything but state and event, or that a snapshot does not keep, is found here.
---@param self neap.Scenario
---@param outcome table
local function check_folds(self, outcome)
  local last = {}
  for _, event in ipairs(outcome.events) do
    last[event.stream] = event.version
  end
  for _, stream in ipairs(check.sorted_keys(last)) do
    local name, id = string.match(stream, "^([^-]*)%-(.*)$")
    if self.of:has_key(name) then
      local left, err = runtime_of(self):state(name, id)
      local anew, why = runtime_of(self):state(name, id, last[stream])
      if not left or not anew then
        fail("%s: the state of %s cannot be folded: it %s", outcome.label, stream, told(err or why))
      end
      local found = difference.of(left, anew)
      if #found > 0 then
        local lines = difference.lines(found, "  ")
        table.insert(lines, 1, string.format("%s left a state of %s that its events, folded anew, "
          .. "do not give; does a fold depend on anything else?", outcome.label, stream))
        fail_lines(lines)
      end
    end
  end
end

---Dispatches a command, behind all that was given; what came of it is for `expect` and the like.
---@param ... any a command, or its name and its fields
---@return neap.Scenario
function Scenario:when(...)
  local command = read_one(self, "when", { command = true }, ...)
  catch_up(self, command)
  local before = head(self)
  local _, err = runtime_of(self):dispatch(command.name, command.fields,
    { meta = self.met or nil })
  local outcome = {
    label = shown(command.name, command.fields),
    err = err,
    events = {},
  }
  for event in runtime_of(self):events { from = before + 1 } do
    outcome.events[#outcome.events + 1] = { name = event.type, fields = event.data,
      stream = event.stream, version = event.version }
  end
  self.outcome = outcome
  check_folds(self, outcome)
  return self
end

-- ---- Expecting --------------------------------------------------------------------------------

---@param self neap.Scenario
---@param method string
---@return table
local function outcome_of(self, method)
  if not self.outcome then
    fail("%s: no command was dispatched; `when` comes first", method)
  end
  return self.outcome
end

---@param outcome table
---@return string
local function what_happened(outcome)
  return outcome.err and told(outcome.err)
    or #outcome.events == 0 and "led to no events" or "led to"
end

---@param lines string[]
---@param mark string
---@param events table[]
local function list(lines, mark, events)
  for _, event in ipairs(events) do
    lines[#lines + 1] = string.format("  %s%s", mark, shown(event.name, event.fields))
  end
end

---@param events table[]
---@return string[]
local function names_of(events)
  local names = {}
  for index, event in ipairs(events) do
    names[index] = event.name
  end
  return names
end

---@param expected table
---@param actual table
---@return table[]
local function compare_event(expected, actual)
  local found = difference.of(expected.fields, actual.fields)
  if expected.stream and expected.stream ~= actual.stream then
    table.insert(found, 1,
      { path = "(stream)", expected = expected.stream, actual = actual.stream })
  end
  return found
end

---The lines that tell expected events from those that came, or none.
---@param expected table[]
---@param actual table[]
---@return string[]
local function compare_events(expected, actual)
  local lines, differs = {}, false
  for _, pair in ipairs(difference.align(names_of(expected), names_of(actual))) do
    local wanted, came = expected[pair.expected], actual[pair.actual]
    if not came then
      differs = true
      list(lines, "missing     ", { wanted })
    elseif not wanted then
      differs = true
      list(lines, "unexpected  ", { came })
    else
      local found = compare_event(wanted, came)
      differs = differs or #found > 0
      lines[#lines + 1] = string.format("  %s%s", #found > 0 and "differs     " or "as expected ",
        came.name)
      table.move(difference.lines(found, "                "), 1, #found, #lines + 1, lines)
    end
  end
  return differs and lines or {}
end

---@param values table
---@return table? the rejection that is expected, if one is
local function rejection_in(values)
  for index = 1, values.n do
    local kind = getmetatable(values[index])
    if kind == rejected or kind == "neap.Rejection" then
      if values.n > 1 then
        fail("expect: a rejection stands alone; a rejected command has no events")
      end
      return values[index]
    end
  end
end

---@param self neap.Scenario
---@param method string
---@param code string
---@param message? string
---@param details? any
local function expect_rejection(self, method, code, message, details)
  local outcome = outcome_of(self, method)
  if not outcome.err or outcome.err.status ~= "rejected" then
    local lines = { string.format("%s was to be rejected (%s), but %s", outcome.label, code,
      what_happened(outcome)) }
    list(lines, "", outcome.events)
    fail_lines(lines)
  end
  local expected = { code = code, message = message, details = details }
  local err = outcome.err
  local found = difference.of(expected, {
    code = err.code,
    message = message ~= nil and err.message or nil,
    details = details ~= nil and err.details or nil,
  })
  if #found > 0 then
    local lines = difference.lines(found, "  ")
    table.insert(lines, 1,
      string.format("%s %s; this is otherwise than expected:", outcome.label, told(err)))
    fail_lines(lines)
  end
end

---Expects that the command led to exactly these events, in their order, with these fields (where
---`spec.any` stands for anything); or to a rejection, as `spec.rejection` gives it.
---@param ... any events, { name, fields }, names followed by their fields
---@return neap.Scenario
function Scenario:expect(...)
  local outcome = outcome_of(self, "expect")
  local values = table.pack(...)
  local rejection = rejection_in(values)
  if rejection then
    expect_rejection(self, "expect", rejection.code, rejection.message, rejection.details)
    return self
  elseif values.n == 0 then
    fail("expect needs events or a rejection; expect_nothing() is for a command without events")
  end
  local expected = read(self, values, "expect", { event = true })
  if outcome.err then
    local lines = { outcome.label .. " " .. what_happened(outcome) }
    list(lines, "missing     ", expected)
    fail_lines(lines)
  end
  local lines = compare_events(expected, outcome.events)
  if #lines > 0 then
    table.insert(lines, 1, outcome.label .. " led to other events than expected:")
    fail_lines(lines)
  end
  return self
end

---Expects that the domain said no.
---@param code string the domain's own
---@param message? string
---@param details? any
---@return neap.Scenario
function Scenario:expect_rejection(code, message, details)
  if type(code) ~= "string" then
    fail("expect_rejection needs the rejection's code as a text, got %s", difference.show(code))
  end
  expect_rejection(self, "expect_rejection", code, message, details)
  return self
end

---Expects that the command failed otherwise than by a rejection: "invalid", "handler", "limit" …
---@param code string
---@param message? string a part of its message
---@return neap.Scenario
function Scenario:expect_error(code, message)
  local outcome = outcome_of(self, "expect_error")
  local err = outcome.err
  local as_expected = err and err.status ~= "rejected" and err.code == code
  if not as_expected or message and not string.find(err.message, message, 1, true) then
    local lines = { string.format("%s was to fail (%s), but %s", outcome.label,
      message and code .. ": " .. message or code, what_happened(outcome)) }
    list(lines, "", outcome.events)
    fail_lines(lines)
  end
  return self
end

---Expects that the command was done and led to no events.
---@return neap.Scenario
function Scenario:expect_nothing()
  local outcome = outcome_of(self, "expect_nothing")
  if outcome.err or #outcome.events > 0 then
    local lines = { string.format("%s was to lead to no events, but %s", outcome.label,
      what_happened(outcome)) }
    list(lines, "", outcome.events)
    fail_lines(lines)
  end
  return self
end

---Compares, and raises unless nothing differs.
---@param expected any
---@param actual any
---@param title string
local function expect_same(expected, actual, title)
  local found = difference.of(expected, actual)
  if #found > 0 then
    local lines = difference.lines(found, "  ")
    table.insert(lines, 1, title)
    fail_lines(lines)
  end
end

---A state is shown as JSON, whose objects have texts as keys.
---@param value any
---@return any
local function as_json(value)
  if type(value) ~= "table" or value == difference.any then
    return value
  end
  local copy, count = {}, rawlen(value)
  local is_list = true
  for key in next, value do
    is_list = is_list and math.type(key) == "integer" and key >= 1 and key <= count
  end
  for key, member in next, value do
    copy[is_list and key or tostring(key)] = as_json(member)
  end
  return copy
end

---Expects that the aggregate's instance has this state, all of it.
---@param aggregate string
---@param id string | integer | table by tags: a table of their values
---@param state table | nil nil: there is no such instance
---@return neap.Scenario
function Scenario:expect_state(aggregate, id, state)
  catch_up(self)
  local actual, err = runtime_of(self):state(aggregate, id)
  local name = type(id) == "table" and aggregate .. " " .. difference.show(id)
    or aggregate .. "-" .. tostring(id)
  local missing = err and err.status == "unknown"
    and string.find(err.message, "does not exist", 1, true)
  if err and not missing then
    fail("expect_state: it %s", told(err))
  elseif err and state ~= nil then
    fail("%s does not exist; expected %s", name, difference.show(state))
  elseif state == nil and actual ~= nil then
    fail("%s was not to exist, but is %s", name, difference.show(actual))
  elseif state ~= nil then
    expect_same(as_json(state), actual, "the state of " .. name .. " is other than expected:")
  end
  return self
end

---Asks a query, and gives the answer.
---@param ... any a query, or its name and its fields
---@return any
function Scenario:query(...)
  local query = read_one(self, "query", { query = true }, ...)
  catch_up(self)
  local answer, err = runtime_of(self):query(query.name, query.fields)
  if err then
    fail("%s %s", shown(query.name, query.fields), told(err))
  end
  return answer
end

---Expects that a query has this answer.
---@param query any a query, or { name, fields }
---@param answer any
---@return neap.Scenario
function Scenario:expect_answer(query, answer)
  local actual = self:query(query)
  local read_query = read_one(self, "expect_answer", { query = true }, query)
  if answer == nil then
    answer = internal.null
  end
  expect_same(as_json(answer), actual,
    shown(read_query.name, read_query.fields) .. " has another answer than expected:")
  return self
end

local metatable = {
  __name = "neap.Scenario",
  __index = check.closed(Scenario, "a scenario", {}),
}

---@param of neap.SpecDomain
---@return neap.Scenario
function scenario.new(of)
  return setmetatable({
    of = of,
    steps = {},
    now = start_us,
    runtime = false,
    met = false,
    replaced = false,
    outcome = false,
  }, metatable)
end

---@type table<string, function>
scenario.methods = Scenario

return scenario
