-- Circuit breaker: what keeps failing is left alone for a while.

local check = require "neap.check"
local errors = require "neap.errors"
local guard = require "neap.guard"
local lru = require "neap.middleware.lru"
local options = require "neap.middleware.options"

---@class neap.CircuitBreakerOptions: neap.BreakerOptions
---@field key? fun(message: table, context: neap.MiddlewareContext): string whose circuit it is; the
--- message's name
---@field keys? integer 1,000 circuits are kept; the longest unused goes first

local what = "neap.middleware.circuit_breaker"

local known = {
  key = { types = "?function" },
  keys = { types = "?number", default = 1000, least = 1, most = 1000000, integer = true },
}
for name, option in pairs(guard.breaker) do
  known[name] = option
end

local function name_of(_, context)
  return context.name
end

---@param circuits neap.Lru
---@param key any
---@param taken table
---@return table
local function circuit_of(circuits, key, taken)
  if type(key) ~= "string" then
    check.misuse("%s: 'key' must give a text, but gave a %s", what, type(key))
  end
  local circuit = circuits:get(key)
  if not circuit then
    circuit = guard.circuit(taken)
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
---`err.details.retry_after` says for how many seconds. A delivery to a subscriber or saga goes
---through it unguarded: a subscriber has a breaker of its own, which holds it back.
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
    if context.kind == "event" then
      return next(message, context)
    end
    local circuit = circuit_of(circuits, key_of(message, context), taken)
    local pass, retry_after = circuit:admit(context:clock())
    if not pass then
      return nil, guard.refused("the circuit", taken, retry_after)
    end
    return attempt(message, context, next, function(failure)
      local failed = failure ~= nil and errors.is_of(failure, on)
      circuit:note(pass, failed, context:clock())
    end)
  end
end

return circuit_breaker
