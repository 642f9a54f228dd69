-- What a specification expects of sagas.

local check = require "neap.check"
local difference = require "neap.difference"
local scenario = require "neap.sent"

local fail = scenario.fail

---@class neap.Scenario
local Scenario = scenario.methods

---What is known of a saga; what is left out is not compared.
---@class neap.ExpectedSaga
---@field status? neap.SagaState
---@field reason? string why it failed, or has stopped
---@field state? table all of it
---@field timeouts? table<string, number> by name: in how many seconds from now; {}: none
---@field compensations? table[] commands in the order in which they run if it fails
---@field failures? table[] { command =, code =, message = }

local saga_fields = {
  status = "string", reason = "string", state = "table", timeouts = "table",
  compensations = "table", failures = "table",
}

---@param expected any
local function check_expected(expected)
  if type(expected) ~= "table" then
    fail("expect_saga needs a table of what is known of the saga, or nil, got %s",
      difference.show(expected))
  end
  for _, name in ipairs(check.sorted_keys(expected)) do
    local kind = saga_fields[name]
    if not kind then
      fail("expect_saga: a saga has no '%s'%s", tostring(name),
        check.did_you_mean(tostring(name), check.sorted_keys(saga_fields)))
    elseif type(expected[name]) ~= kind then
      fail("expect_saga: '%s' must be %s, got %s", name, check.a(kind),
        difference.show(expected[name]))
    end
  end
end

---Seconds from the scenario's now, whole ones as an integer.
---@param self neap.Scenario
---@param time string RFC 3339
---@return number
local function seconds_to(self, time)
  local seconds = (scenario.time_of(time) - self.now) / 1000000
  return math.tointeger(seconds) or seconds
end

---@param self neap.Scenario
---@param saga neap.SagaStatus
---@return table<string, number>
local function timeouts_of(self, saga)
  local timeouts = {}
  for _, waiting in ipairs(saga.waiting or {}) do
    if waiting.timeout then
      timeouts[waiting.timeout] = seconds_to(self, waiting.due_at)
    end
  end
  return timeouts
end

---@param commands any
---@return table[] each { command, data }
local function commands_in(self, commands)
  local found = {}
  for index, one in ipairs(scenario.read(self, commands, "expect_saga", { command = true })) do
    found[index] = { command = one.name, data = scenario.as_json(one.fields) }
  end
  return found
end

---Of the saga as it is, what is compared.
---@param self neap.Scenario
---@param saga neap.SagaStatus
---@param expected neap.ExpectedSaga
---@return table wanted
---@return table actual
local function compared(self, saga, expected)
  local wanted, actual = {}, {}
  for name, value in pairs(expected) do
    wanted[name], actual[name] = value, saga[name]
  end
  if expected.state then
    wanted.state = scenario.as_json(expected.state)
  end
  if expected.timeouts then
    actual.timeouts = timeouts_of(self, saga)
  end
  if expected.compensations then
    wanted.compensations = commands_in(self, expected.compensations)
    actual.compensations = saga.compensations or {}
  end
  if expected.failures then
    actual.failures = saga.failures or {}
  end
  return wanted, actual
end

---Expects that a saga is like this, once everybody has reacted to all that happened.
---
---```lua
---shop:given { placed }
---  :expect_saga("fulfilment", "o-1", { status = "running", timeouts = { payment = 900 } })
---  :advance(900)
---  :expect_saga("fulfilment", "o-1", { status = "failed", reason = "no payment in time" })
---```
---@param name string
---@param key string | integer
---@param expected neap.ExpectedSaga | nil nil: it has not begun
---@return neap.Scenario
function Scenario:expect_saga(name, key, expected)
  if expected ~= nil then
    check_expected(expected)
  end
  scenario.settle(self, "expect_saga")
  local saga, err = scenario.runtime_of(self):saga(name, key)
  if err then
    fail("expect_saga: %s", err.message)
  elseif expected == nil and saga then
    fail("the saga %s of %s was not to have begun, but is %s", key, name, saga.status)
  elseif expected ~= nil and not saga then
    fail("the saga %s of %s has not begun; expected %s", key, name, difference.show(expected))
  elseif saga then
    local wanted, actual = compared(self, saga, expected)
    scenario.expect_same(wanted, actual,
      string.format("the saga '%s' of %s is other than expected:", key, name))
  end
  return self
end

return scenario
