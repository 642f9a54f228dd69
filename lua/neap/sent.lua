-- What a specification expects of the commands that sagas and subscribers send.

local check = require "neap.check"
local difference = require "neap.difference"
local scenario = require "neap.reacted"

local fail, fail_lines = scenario.fail, scenario.fail_lines

---@class neap.Scenario
local Scenario = scenario.methods

local sent = {}

---A command that is to be sent for later, from `spec.later`.
local later = { __name = "neap.spec.later" }

---@param seconds any
---@param command any
---@return table
function sent.later(seconds, command)
  if type(seconds) ~= "number" or not (seconds > 0 and seconds < math.huge) then
    fail("spec.later needs seconds, more than 0, got %s", difference.show(seconds))
  end
  return setmetatable({ seconds = seconds, command = command }, later)
end

-- ---- What was sent -----------------------------------------------------------------------------

---The commands that a domain's runtime carried out, in their order, without those that a handler
---dispatched for another one.
---@class neap.CarriedOut
---@field list table[] each { name, fields }
---@field known table<string, true> ids of all that there were: one that is tried again is no other
---@field running table<string, true> by their ids

---Keeps the commands that the domain carries out from now on: around all other middleware.
---@param defined neap.Domain
---@return neap.CarriedOut
function sent.record(defined)
  local first = defined.middleware[1]
  if first and first.recorded then
    return first.recorded
  end
  local recorded = {}
  sent.begin_recording(recorded)
  table.insert(defined.middleware, 1, {
    place = check.here(),
    recorded = recorded,
    handler = function(message, context, next)
      if context.kind ~= "command" then
        return next(message, context)
      end
      local id = context.command_id
      if not recorded.known[id] and not recorded.running[context.causation_id or ""] then
        recorded.list[#recorded.list + 1] = { name = context.name,
          fields = scenario.as_json(message) }
      end
      local _ <close> = setmetatable({}, {
        __close = function()
          recorded.running[id] = nil
        end,
      })
      recorded.known[id], recorded.running[id] = true, true
      local value, err = next(message, context)
      return value, err
    end,
  })
  return recorded
end

---Another runtime begins.
---@param recorded neap.CarriedOut
function sent.begin_recording(recorded)
  recorded.list, recorded.known, recorded.running = {}, {}, {}
end

---@param recorded neap.CarriedOut
function sent.forget(recorded)
  recorded.list, recorded.running = {}, {}
end

---What waits for its time, by ids.
---@param runtime neap.Runtime
---@return table<string, true>
function sent.waiting(runtime)
  local found = {}
  for timer in runtime:timers() do
    found[timer.id] = true
  end
  return found
end

---Those that were put there since the scenario's last step, in the order in which they are due.
---@param self neap.Scenario
---@return table[] each { name, fields, seconds }
local function put_off(self)
  local found = {}
  for timer in scenario.runtime_of(self):timers() do
    if timer.command and timer.attempts == 0 and not self.waiting[timer.id] then
      local seconds = (timer.due_at - self.now) / 1000000
      found[#found + 1] = { name = timer.command, fields = timer.data or {},
        seconds = math.tointeger(seconds) or seconds }
    end
  end
  return found
end

-- ---- What is expected --------------------------------------------------------------------------

---@param self neap.Scenario
---@param values table as from table.pack
---@return table[] at_once
---@return table[] put_off
local function expected_in(self, values)
  local at_once, put = table.pack(), {}
  for index = 1, values.n do
    local value = values[index]
    if getmetatable(value) == later then
      local one = scenario.read_one(self, "expect_sent", { command = true }, value.command)
      one.seconds = value.seconds
      put[#put + 1] = one
    else
      at_once.n = at_once.n + 1
      at_once[at_once.n] = value
    end
  end
  return scenario.read(self, at_once, "expect_sent", { command = true }), put
end

---@param one table
---@return string
local function shown(one)
  local text = scenario.shown(one.name, one.fields)
  return one.seconds and string.format("%s in %s s", text, one.seconds) or text
end

---@param expected table
---@param actual table
---@return table[]
local function differences(expected, actual)
  return difference.of({ fields = scenario.as_json(expected.fields), seconds = expected.seconds },
    { fields = actual.fields, seconds = actual.seconds })
end

---Expects that sagas and subscribers sent exactly these commands since the last `given`, `when` or
---`advance`: in the order in which they were carried out, also those that were rejected; then, by
---`spec.later`, those that still wait for their time.
---
---```lua
---shop:given { placed }
---  :expect_sent(ReserveStock { order_id = "o-1" }, spec.later(3600, Remind { order_id = "o-1" }))
---```
---@param ... any commands, { name, fields }, or names followed by their fields; none: nothing
---@return neap.Scenario
function Scenario:expect_sent(...)
  if not self.of:carried_out() then
    fail "expect_sent: the domain has no saga and no subscriber, and nobody else sends commands"
  end
  scenario.settle(self, "expect_sent")
  local at_once, put = expected_in(self, table.pack(...))
  local lines = scenario.compare_messages(at_once, self.of:carried_out().list, differences, shown)
  local others = scenario.compare_messages(put, put_off(self), differences, shown)
  table.move(others, 1, #others, #lines + 1, lines)
  if #lines > 0 then
    table.insert(lines, 1, "other commands were sent than expected:")
    fail_lines(lines)
  end
  return self
end

for name, value in pairs(sent) do
  scenario[name] = value
end

return scenario
