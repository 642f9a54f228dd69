-- Retry: what failed and is worth another try is tried again, after a while.

local errors = require "neap.errors"
local options = require "neap.middleware.options"

---@class neap.RetryOptions
---@field attempts? integer 3: how often in all
---@field first_delay? number 0.1: seconds before the second
---@field factor? number 2: each delay is so much longer than the one before
---@field max_delay? number 30: seconds
---@field jitter? number 0.25: a delay is longer or shorter by up to that part of it, by chance
---@field on? string[] { "conflict", "unavailable", "busy" }: codes; what a domain rejects under one
--- of these is not meant

local what = "neap.middleware.retry"

local known = {
  attempts = { types = "?number", default = 3, least = 1, most = 1000, integer = true },
  first_delay = { types = "?number", default = 0.1, least = 0, most = 86400 },
  factor = { types = "?number", default = 2, least = 1, most = 1000 },
  max_delay = { types = "?number", default = 30, least = 0, most = 86400 },
  jitter = { types = "?number", default = 0.25, least = 0, most = 1 },
  on = { types = "?table", default = { "conflict", "unavailable", "busy" } },
}

---A command whose outcome is unknown may have taken effect: only its key makes a second try safe.
---@param err neap.Error
---@param context neap.MiddlewareContext
---@return boolean
local function is_safe(err, context)
  return err.outcome ~= "unknown" or context.kind == "query" or context.idempotency_key ~= nil
end

---@param taken table
---@param attempt integer the one that failed
---@param context neap.MiddlewareContext
---@return number seconds
local function delay_after(taken, attempt, context)
  local delay = math.min(taken.first_delay * taken.factor ^ (attempt - 1), taken.max_delay)
  return delay * (1 + taken.jitter * (2 * context:random() - 1))
end

---Makes a middleware that tries again. A command whose outcome is unknown is tried again only if it
---has an idempotency key. When the caller's time would be over before the next attempt, the error
---is given at once. Deliveries of events go through it: a subscriber has its own `retry`.
---
---```lua
---shop:use(neap.middleware.retry { attempts = 5, on = { "conflict" } })
---```
---@param given? neap.RetryOptions
---@return neap.Middleware
local function retry(given)
  local taken = options.take(given, known, what)
  local on = options.set(taken.on, nil, what .. ": 'on'")
  return function(message, context, next)
    local attempt = 0
    if context.kind == "event" then
      return next(message, context)
    end
    while true do
      local result, err = next(message, context)
      attempt = attempt + 1
      local again = err and attempt < taken.attempts and errors.is_of(err, on)
      if not again or not is_safe(err, context) then
        return result, err
      end
      local delay, remaining = delay_after(taken, attempt, context), context:remaining()
      if remaining and delay >= remaining or not context:sleep(delay) then
        return nil, err
      end
    end
  end
end

return retry
