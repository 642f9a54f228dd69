-- One run of a domain in the spec kit: what was there, and what was asked for.

local internal = require "neap.internal"
local check = require "neap.check"
local difference = require "neap.difference"

---What a specification begins with: 2025-01-01, in UTC.
local start_us = 1735689600000000

---A message with its stream, from `spec.on`; or a rejection, from `spec.rejection`.
local placed, rejected = { __name = "neap.spec.on" }, { __name = "neap.spec.rejection" }
---Or an event as an earlier version of the domain stored it, from `spec.stored`.
local stored = { __name = "neap.spec.stored" }

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
---@field private asked integer position behind what was asked for: what follows are reactions
---@field private folded table<string, integer> by projection: as of which position it was checked
---@field private waiting table<string, true> ids of what waited for its time before the reactions
local Scenario = {}

local scenario = { placed = placed, rejected = rejected, stored = stored }

---Raises at the line of the specification.
---@param message string
---@param ... any formatted into the message
local function fail(message, ...)
  local file, line = internal.here()
  local text = select("#", ...) > 0 and string.format(message, ...) or message
  error(string.format("%s:%d: %s", file, line, text), 0)
end

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
---@return table? { name, fields, stream?, stored? }
local function message_of(self, value)
  local kind = getmetatable(value)
  if kind == placed then
    local message = message_of(self, value.event)
    return message and { name = message.name, fields = message.fields, stream = value.stream,
      stored = message.stored }
  elseif kind == stored then
    return { name = value.name, stored = value }
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
    message.definition = not message.stored and self.of:message(message.name, method)
    if message.stored and method ~= "given" then
      fail("%s: spec.stored is for given; today's events are expected", method)
    elseif message.definition and not kinds[message.definition.kind] then
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
  elseif not self.of:is_open(self.runtime) then
    fail "this scenario ended when another one of its domain began to run; run one after the other"
  end
  return self.runtime
end

---@param self neap.Scenario
---@return integer
local function head(self)
  local last = runtime_of(self):events { backward = true, limit = 1 }()
  return last and last.position or 0
end

---What happens from here on are reactions.
---@param self neap.Scenario
---@param position integer of the last event that was asked for
local function begin_reactions(self, position)
  self.asked = position
  self.waiting = self.of:forget_sent(runtime_of(self))
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
  if #steps > 0 then
    begin_reactions(self, head(self))
  end
end

---The events from a position on.
---@param self neap.Scenario
---@param position integer
---@return table[] each { name, fields, stream, version }
local function events_from(self, position)
  local found = {}
  for event in runtime_of(self):events { from = position } do
    found[#found + 1] = { name = event.type, fields = event.data, stream = event.stream,
      version = event.version }
  end
  return found
end

---@param self neap.Scenario
---@param event table
---@param command? table
local function record(self, event, command)
  local as = event.stored
  local options = as and self.of:place_of(as, event.stream, command)
    or { stream = event.stream or self.of:stream_of(event, command) }
  options.meta = self.met or nil
  local _, err = runtime_of(self):publish(event.name, as and as.json or event.fields, options)
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
---the command behind it); `spec.on(stream, event)` says another one. `spec.stored` gives an event
---as an earlier version of the domain stored it.
---@param messages table[]
---@return neap.Scenario
function Scenario:given(messages)
  if type(messages) ~= "table" or type(getmetatable(messages)) == "string" then
    fail("given needs a list of events and commands, got %s", difference.show(messages))
  end
  local read_messages = read(self, messages, "given", { event = true, command = true })
  for _, message in ipairs(read_messages) do
    self.steps[#self.steps + 1] = function(command)
      if message.stored or message.definition.kind == "event" then
        record(self, message, command)
      else
        obey(self, message)
      end
    end
  end
  return self
end

local days_in = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

---Whether there is such a moment.
---@param time integer[] year, month, day, hour, minute, second
---@return boolean
local function is_time(time)
  local year, month, day, hour, minute, second = table.unpack(time)
  local is_leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  local days = month == 2 and is_leap and 29 or days_in[month]
  return days ~= nil and day >= 1 and day <= days and hour < 24 and minute < 60 and second < 60
end

---@param text string
---@return integer?
local function time_of(text)
  local pattern = "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)(%.?%d*)Z$"
  local parts = { string.match(text, pattern) }
  local fraction = table.remove(parts)
  if not fraction or fraction ~= "" and not string.find(fraction, "^%.%d+$") then
    return nil
  end
  for index, part in ipairs(parts) do
    parts[index] = math.tointeger(part)
  end
  if not is_time(parts) then
    return nil
  end
  local year, month, day, hour, minute, second = table.unpack(parts)
  if month < 3 then
    year, month = year - 1, month + 12
  end
  local days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5
    + day - 719469
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000000
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

---Lets time pass: what was to be done later, in a saga or by `after` and `at`, is done when it is
---due.
---@param seconds number
---@return neap.Scenario
function Scenario:advance(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds <= 0 or seconds == math.huge then
    fail("advance needs seconds, more than 0, got %s", difference.show(seconds))
  end
  self.steps[#self.steps + 1] = function()
    self.now = self.now + math.ceil(seconds * 1000000)
  end
  return self
end

---What is kept with the events from here on, as the option `meta` of `dispatch`.
---@param meta table<string, string>
---@return neap.Scenario
function Scenario:meta(meta)
  if type(meta) ~= "table" then
    fail("meta needs a table of texts, got %s", difference.show(meta))
  end
  self.steps[#self.steps + 1] = function()
    self.met = meta
  end
  return self
end

---Replaces services, before anything is done.
---@param services table<string, any> tables of functions, by name
---@return neap.Scenario
function Scenario:services(services)
  if type(services) ~= "table" then
    fail("services needs a table of services by their names, got %s", difference.show(services))
  elseif self.runtime then
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
    events = events_from(self, before + 1),
  }
  self.outcome = outcome
  begin_reactions(self, before + #outcome.events)
  check_folds(self, outcome)
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
    asked = 0,
    folded = {},
    waiting = {},
  }, metatable)
end

---What neap.expectation and neap.projected build on, and add to.
---@type table<string, function>
scenario.methods = Scenario
scenario.fail = fail
scenario.fail_lines = fail_lines
scenario.told = told
scenario.shown = shown
scenario.read = read
scenario.read_one = read_one
scenario.runtime_of = runtime_of
scenario.catch_up = catch_up
scenario.head = head
scenario.events_from = events_from
scenario.time_of = time_of

return scenario
