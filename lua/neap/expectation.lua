-- What a specification expects of a scenario.

local internal = require "neap.internal"
local difference = require "neap.difference"
local scenario = require "neap.scenario"

local fail, fail_lines = scenario.fail, scenario.fail_lines
local told, shown = scenario.told, scenario.shown
local read, read_one = scenario.read, scenario.read_one
local runtime_of, catch_up = scenario.runtime_of, scenario.catch_up
local rejected = scenario.rejected

---@class neap.Scenario
local Scenario = scenario.methods

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

---The lines that tell expected messages from those that came, or none.
---@param expected table[]
---@param actual table[]
---@param differences fun(expected: table, actual: table): table[] between two of one name
---@param show fun(message: table): string
---@return string[]
local function compare_messages(expected, actual, differences, show)
  local lines, differs = {}, false
  for _, pair in ipairs(difference.align(names_of(expected), names_of(actual))) do
    local wanted, came = expected[pair.expected], actual[pair.actual]
    local found = wanted and came and differences(wanted, came) or {}
    local mark = not came and "missing     " or not wanted and "unexpected  "
      or #found > 0 and "differs     " or "as expected "
    differs = differs or mark ~= "as expected "
    lines[#lines + 1] = string.format("  %s%s", mark,
      wanted and came and came.name or show(wanted or came))
    table.move(difference.lines(found, "                "), 1, #found, #lines + 1, lines)
  end
  return differs and lines or {}
end

---@param event table
---@return string
local function show_event(event)
  return shown(event.name, event.fields)
end

---The same of events.
---@param expected table[]
---@param actual table[]
---@return string[]
local function compare_events(expected, actual)
  return compare_messages(expected, actual, compare_event, show_event)
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
  outcome.foreseen = true
end

---Expects that the command led to exactly these events, in their order, with these fields (where
---`spec.any` stands for anything); or to a rejection, as `spec.rejection` gives it. What a handler
---dispatched is among them, also if the handler itself failed, as was expected before.
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
  if outcome.err and not outcome.foreseen then
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
  outcome.foreseen = true
  return self
end

---Expects that the command was done and led to no events.
---@return neap.Scenario
function Scenario:expect_nothing()
  local outcome = outcome_of(self, "expect_nothing")
  if outcome.err and not outcome.foreseen or #outcome.events > 0 then
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

scenario.expect_same = expect_same
scenario.compare_messages = compare_messages
scenario.compare_events = compare_events
scenario.as_json = as_json

return scenario
