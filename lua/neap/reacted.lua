-- What a specification expects of those who react: events, calls of services, and dead letters.

local check = require "neap.check"
local difference = require "neap.difference"
local fake = require "neap.fake"
local scenario = require "neap.projected"

local fail, fail_lines, told = scenario.fail, scenario.fail_lines, scenario.told
local runtime_of, catch_up, read = scenario.runtime_of, scenario.catch_up, scenario.read

---@class neap.Scenario
local Scenario = scenario.methods

---Until everybody has reacted to all that happened, however often they try it.
---@param self neap.Scenario
---@param method string
local function settle(self, method)
  catch_up(self)
  local done, err = runtime_of(self):drain()
  if not done then
    fail("%s: what reacts %s", method, told(err))
  end
end

-- ---- Events ------------------------------------------------------------------------------------

---Why nothing may have followed: sagas that have stopped.
---@param self neap.Scenario
---@return string[] lines
local function stopped_sagas(self)
  local lines = {}
  for index, saga in ipairs(runtime_of(self):sagas(nil, { status = "stopped" }) or {}) do
    lines[index] = string.format("  the saga '%s' of %s has stopped: %s", saga.key, saga.saga,
      saga.reason)
  end
  return lines
end

---Expects that those who react, sagas and subscribers, led to exactly these events, in this order,
---since the last `given`, `when` or `advance`.
---
---```lua
---shop:given { placed }
---  :expect_follows(StockReserved { order_id = "o-1" })
---  :advance(15 * 60)
---  :expect_follows(StockReleased { order_id = "o-1" }, OrderCancelled { order_id = "o-1" })
---```
---@param ... any events, { name, fields }, names followed by their fields; none: nothing followed
---@return neap.Scenario
function Scenario:expect_follows(...)
  settle(self, "expect_follows")
  local expected = read(self, table.pack(...), "expect_follows", { event = true })
  local lines = scenario.compare_events(expected, scenario.events_from(self, self.asked + 1))
  if #lines > 0 then
    table.insert(lines, 1, "other events followed than expected:")
    local stopped = stopped_sagas(self)
    table.move(stopped, 1, #stopped, #lines + 1, lines)
    fail_lines(lines)
  end
  return self
end

-- ---- Calls of services -------------------------------------------------------------------------

---@param self neap.Scenario
---@param service any its name
---@param method string
---@return table[]
local function calls_of(self, service, method)
  local services = self.replaced or self.of:services_given() or {}
  local calls = fake.calls(services[service])
  if not calls then
    local fakes = {}
    for _, name in ipairs(check.sorted_keys(services)) do
      fakes[#fakes + 1] = fake.calls(services[name]) and name or nil
    end
    fail("%s: the service %s is no fake here; give one, as in services { %s = spec.fake { … } }%s",
      method, difference.show(service), tostring(service),
      check.did_you_mean(tostring(service), fakes))
  end
  return calls
end

---@param service string
---@param calls table[]
---@return string[]
local function listed(service, calls)
  local lines = {}
  for index, call in ipairs(calls) do
    lines[index] = "  " .. service .. "." .. fake.show(call.name, call.arguments)
  end
  return lines
end

---Expects that a fake of the service was called like this, among whatever else.
---
---```lua
---shop:services { mail = spec.fake { "send" } }
---  :given { placed, shipped }
---  :expect_called("mail", "send", "o-1")
---```
---@param service string
---@param name string of its function
---@param ... any the arguments, all of them; `spec.any` stands for anything
---@return neap.Scenario
function Scenario:expect_called(service, name, ...)
  settle(self, "expect_called")
  local calls, expected = calls_of(self, service, "expect_called"), table.pack(...)
  for _, call in ipairs(calls) do
    if call.name == name and #difference.of(expected, call.arguments) == 0 then
      return self
    end
  end
  local lines = listed(service, calls)
  table.insert(lines, 1, string.format("%s.%s was not called%s", service,
    fake.show(tostring(name), expected), #calls == 0 and ", nor anything else of it" or ", but:"))
  return fail_lines(lines)
end

---@param expected any
---@return table { name, arguments }
local function call_in(expected)
  if type(expected) ~= "table" or type(expected[1]) ~= "string" then
    fail("expect_calls needs calls as { name, argument, … }, got %s", difference.show(expected))
  end
  local arguments = table.pack(table.unpack(expected, 2, expected.n or #expected))
  return { name = expected[1], arguments = arguments }
end

---Expects that a fake of the service was called exactly like this, since the scenario began.
---
---```lua
---  :expect_calls("mail", { { "send", "o-1" }, { "send", "o-2" } })
---```
---@param service string
---@param calls table[] each { name, argument, … }, in their order; {}: none
---@return neap.Scenario
function Scenario:expect_calls(service, calls)
  if type(calls) ~= "table" then
    fail("expect_calls needs a list of calls, got %s", difference.show(calls))
  end
  settle(self, "expect_calls")
  local actual, expected = calls_of(self, service, "expect_calls"), {}
  for index, one in ipairs(calls) do
    expected[index] = call_in(one)
  end
  if #difference.of(expected, actual) == 0 then
    return self
  end
  local lines = listed(service, expected)
  table.insert(lines, 1, service .. " was to be called like this:")
  lines[#lines + 1] = #actual == 0 and "but was not called" or "but was called like this:"
  table.move(listed(service, actual), 1, #actual, #lines + 1, lines)
  return fail_lines(lines)
end

-- ---- Dead letters ------------------------------------------------------------------------------

---@param letter neap.DeadLetter
---@return string
local function shown(letter)
  local fate = letter.attempts == 0 and "which waits behind another one"
    or string.format("after %d attempt%s: %s", letter.attempts, letter.attempts == 1 and "" or "s",
      letter.error.message)
  return string.format("  %s of %s, %s", letter.type, letter.stream, fate)
end

---Whether it is as expected.
---@param letter neap.DeadLetter
---@param expected neap.ExpectedLetter
---@return boolean
local function is_like(letter, expected)
  local err = letter.error or { message = "" }
  return (not expected.event or expected.event == letter.type)
    and (not expected.stream or expected.stream == letter.stream)
    and (not expected.attempts or expected.attempts == letter.attempts)
    and (not expected.code or expected.code == err.code)
    and (not expected.message or string.find(err.message, expected.message, 1, true) ~= nil)
end

---What is known of a dead letter; what is left out is not compared.
---@class neap.ExpectedLetter
---@field event? string its type
---@field stream? string
---@field attempts? integer 0: it waits behind another one of its stream
---@field code? string of the last error
---@field message? string a part of its message

local letter_fields = {
  event = "string", stream = "string", attempts = "integer", code = "string", message = "string",
}

---@param expected any
local function check_letter(expected)
  if type(expected) ~= "table" then
    fail("expect_dead_letter needs a table of what is known of it, got %s",
      difference.show(expected))
  end
  for _, name in ipairs(check.sorted_keys(expected)) do
    local kind = letter_fields[name]
    local value = expected[name]
    if not kind then
      fail("expect_dead_letter: a dead letter has no '%s'%s", tostring(name),
        check.did_you_mean(tostring(name), check.sorted_keys(letter_fields)))
    elseif (math.type(value) or type(value)) ~= kind then
      fail("expect_dead_letter: '%s' must be %s, got %s", name, check.a(kind),
        difference.show(value))
    end
  end
end

---@param self neap.Scenario
---@param subscriber any
---@param method string
---@return table[]
local function letters_of(self, subscriber, method)
  settle(self, method)
  local names = self.of:subscribers()
  if not names[subscriber] then
    fail("%s: the domain has no subscriber %s%s", method, difference.show(subscriber),
      check.did_you_mean(tostring(subscriber), check.sorted_keys(names)))
  end
  local letters, err = runtime_of(self):dead_letters(subscriber)
  if not letters then
    fail("%s: %s", method, err.message)
  end
  return letters
end

---Expects that a subscriber set an event aside as a dead letter, once all its attempts had failed.
---
---```lua
---shop:services { mail = spec.fake { send = function() error "no mail today" end } }
---  :given { placed, shipped }
---  :expect_dead_letter("mailer", { event = "OrderShipped", message = "no mail today" })
---```
---@param subscriber string
---@param expected? neap.ExpectedLetter
---@return neap.Scenario
function Scenario:expect_dead_letter(subscriber, expected)
  expected = expected or {}
  check_letter(expected)
  local letters = letters_of(self, subscriber, "expect_dead_letter")
  local lines = {}
  for _, letter in ipairs(letters) do
    if is_like(letter, expected) then
      return self
    end
    lines[#lines + 1] = shown(letter)
  end
  table.insert(lines, 1, #letters == 0 and subscriber .. " has no dead letters"
    or string.format("%s has no dead letter like %s, but:", subscriber, difference.show(expected)))
  return fail_lines(lines)
end

---Expects that nothing of a subscriber has failed for good.
---@param subscriber string
---@return neap.Scenario
function Scenario:expect_no_dead_letters(subscriber)
  local letters = letters_of(self, subscriber, "expect_no_dead_letters")
  if #letters == 0 then
    return self
  end
  local lines = { subscriber .. " was to have no dead letters, but has:" }
  for _, letter in ipairs(letters) do
    lines[#lines + 1] = shown(letter)
  end
  return fail_lines(lines)
end

scenario.settle = settle

return scenario
