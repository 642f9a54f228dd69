-- Circuit breaker: what keeps failing is left alone for a while.

local check = require "neap.check"
local errors = require "neap.errors"
local lru = require "neap.middleware.lru"
local options = require "neap.middleware.options"

---@class neap.CircuitBreakerOptions
---@field failures? integer 5: so many in a row open the circuit
---@field open_for? number 60: seconds until it is tried again
---@field probes? integer 3: so many are let through then at once; if all succeed it closes
---@field on? string[] { "unavailable", "timeout", "handler", "limit", "store" }: codes that count;
--- a rejection that the domain gave such a code is not meant
---@field key? fun(message: table, context: neap.MiddlewareContext): string whose circuit it is; the
--- message's name
---@field keys? integer 1,000 circuits are kept; the longest unused goes first

local what = "neap.middleware.circuit_breaker"

local known = {
  failures = { types = "?number", default = 5, least = 1, most = 1000000, integer = true },
  open_for = { types = "?number", default = 60, least = 0.001, most = 86400 },
  probes = { types = "?number", default = 3, least = 1, most = 1000, integer = true },
  on = { types = "?table", default = { "unavailable", "timeout", "handler", "limit", "store" } },
  key = { types = "?function" },
  keys = { types = "?number", default = 1000, least = 1, most = 1000000, integer = true },
}

local function name_of(_, context)
  return context.name
end

---@param circuit table
---@param taken table
---@param now number
local function open(circuit, taken, now)
  circuit.open_until = now + taken.open_for
  circuit.failures, circuit.probing, circuit.passed = 0, 0, 0
end

---Whether the message is let through; if not, the error. `circuit.probing` counts those that are
---under way while the circuit is half open.
---@param circuit table
---@param taken table
---@param now number
---@return boolean probe
---@return neap.Error?
local function admit(circuit, taken, now)
  if not circuit.open_until then
    return false
  end
  if now >= circuit.open_until then
    if circuit.probing + circuit.passed < taken.probes then
      circuit.probing, circuit.probed_at = circuit.probing + 1, now
      return true
    elseif now >= circuit.probed_at + taken.open_for then -- probes that nobody heard of again
      circuit.probing, circuit.passed, circuit.probed_at = 1, 0, now
      return true
    end
  end
  local err = errors.new("unavailable", "the circuit is open: it failed %d times in a row",
    taken.failures)
  err.details = { retry_after = math.max(0, circuit.open_until - now) }
  return false, err
end

---@param circuit table
---@param taken table
---@param failed boolean
---@param now number
local function note(circuit, taken, failed, now)
  if failed then
    circuit.failures = circuit.failures + 1
    if circuit.failures >= taken.failures then
      open(circuit, taken, now)
    end
  else
    circuit.failures = 0
  end
end

---A probe of an opening before this one says nothing any more.
---@param circuit table
---@param taken table
---@param failed boolean
---@param now number
local function note_probe(circuit, taken, failed, now)
  circuit.probing = circuit.probing - 1
  if failed then
    open(circuit, taken, now)
    return
  end
  circuit.passed = circuit.passed + 1
  if circuit.passed >= taken.probes then
    circuit.open_until, circuit.failures = nil, 0
  end
end

---@param circuits neap.Lru
---@param key any
---@return table
local function circuit_of(circuits, key)
  if type(key) ~= "string" then
    check.misuse("%s: 'key' must give a text, but gave a %s", what, type(key))
  end
  local circuit = circuits:get(key)
  if not circuit then
    circuit = { failures = 0, probing = 0, passed = 0 }
    circuits:put(key, circuit)
  end
  return circuit
end

---Notes what becomes of an attempt when it is over, also if it raises.
---@param finish fun(err?: table) gets its error, which has the code "handler" if it raised
local function attempt(message, context, next, finish)
  local failure
  local _ <close> = setmetatable({}, { __close = function(_, raised)
    finish(raised ~= nil and { code = "handler" } or failure)
  end })
  local result, err = next(message, context)
  failure = err
  return result, err
end

---Makes a middleware that answers `unavailable` without trying while its circuit is open;
---`err.details.retry_after` says for how many seconds.
---
---```lua
---shop:use(neap.middleware.circuit_breaker { failures = 3, open_for = 30 })
---```
---@param given? neap.CircuitBreakerOptions
---@return neap.Middleware
local function circuit_breaker(given)
  local taken = options.take(given, known, what)
  local on = options.set(taken.on, nil, what .. ": 'on'")
  local key_of, circuits = taken.key or name_of, lru.new(taken.keys)
  return function(message, context, next)
    local circuit = circuit_of(circuits, key_of(message, context))
    local probe, refused = admit(circuit, taken, context:clock())
    if refused then
      return nil, refused
    end
    local opening = circuit.open_until
    return attempt(message, context, next, function(failure)
      if circuit.open_until == opening then
        local failed = failure ~= nil and errors.is_of(failure, on)
        local judge = probe and note_probe or note
        judge(circuit, taken, failed, context:clock())
      end
    end)
  end
end

return circuit_breaker
