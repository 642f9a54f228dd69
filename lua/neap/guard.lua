-- What keeps trouble within bounds: circuit breakers, timeouts and limits, as options of whatever
-- has them.

local internal = require "neap.internal"
local check = require "neap.check"
local errors = require "neap.errors"
local options = require "neap.middleware.options"

---A circuit breaker: what keeps failing is left alone for a while.
---@class neap.BreakerOptions
---@field failures? integer 5: so many in a row open the circuit
---@field open_for? number 60: seconds until it is tried again
---@field probes? integer 3: so many are let through then at once; if all succeed it closes
---@field on? string[] { "unavailable", "timeout", "handler", "limit", "store" }: codes that count;
--- a rejection that the domain gave such a code is not meant

---@class neap.GuardOptions
---@field timeout? number seconds
---@field breaker? neap.BreakerOptions
---@field limit? integer how many at once

local guard = {}

---What `options.take` knows of a breaker.
guard.breaker = {
  failures = { types = "?number", default = 5, least = 1, most = 1000000, integer = true },
  open_for = { types = "?number", default = 60, least = 0.001, most = 86400 },
  probes = { types = "?number", default = 3, least = 1, most = 1000, integer = true },
  on = { types = "?table", default = { "unavailable", "timeout", "handler", "limit", "store" } },
}

local bounds = {
  timeout = { types = "?number", least = 0.001, most = 86400 },
  limit = { types = "?number", least = 1, most = 1000000, integer = true },
}

---Checks the three options. Raises, naming the option.
---@param given table has `timeout`, `breaker` and `limit` or not, among others
---@param what string "subscriber 'mailer'"
---@return neap.GuardOptions taken with the breaker's options complete
function guard.take(given, what)
  local taken = options.take({ timeout = given.timeout, limit = given.limit }, bounds, what)
  if given.breaker ~= nil then
    local name = what .. ": 'breaker'"
    taken.breaker = options.take(given.breaker, guard.breaker, name)
    local on = taken.breaker.on
    if #on == 0 or #check.sorted_keys(on) ~= #on then
      check.misuse("%s: 'on' must be a list of codes", name)
    end
    options.set(on, nil, name .. ": 'on'")
    taken.breaker.on = table.move(on, 1, #on, 1, {})
  end
  return taken
end

---@param breaker neap.BreakerOptions complete
---@return table # a circuit of core/script/circuit.c
function guard.circuit(breaker)
  return internal.circuit(breaker.failures, breaker.open_for, breaker.probes)
end

---The error of what was not tried because a circuit is open.
---@param what string "the circuit"
---@param breaker neap.BreakerOptions
---@param retry_after number seconds
---@return neap.Error
function guard.refused(what, breaker, retry_after)
  local err = errors.new("unavailable", "%s is open: it failed %d times in a row", what,
    breaker.failures)
  err.details = { retry_after = retry_after }
  return err
end

return guard
