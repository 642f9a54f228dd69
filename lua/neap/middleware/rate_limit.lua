-- Rate limit: a token bucket for each key.

local check = require "neap.check"
local errors = require "neap.errors"
local lru = require "neap.middleware.lru"
local options = require "neap.middleware.options"

---@class neap.RateLimitOptions
---@field rate number messages a second, in the long run
---@field burst? integer how many at once: as many as come in a second, at least 1
---@field key? fun(message: table, context: neap.MiddlewareContext): string? whose bucket it is;
--- nil: not limited. Without it all messages share one
---@field keys? integer 10,000 buckets are kept; the longest unused goes first, and is full again

local what = "neap.middleware.rate_limit"

local known = {
  rate = { types = "number", least = 1e-6, most = 1e9 },
  burst = { types = "?number", least = 1, most = 1e9, integer = true },
  key = { types = "?function" },
  keys = { types = "?number", default = 10000, least = 1, most = 10000000, integer = true },
}

local function one_for_all()
  return ""
end

---@param bucket table
---@param taken table
---@param now number
local function fill(bucket, taken, now)
  bucket.tokens = math.min(taken.burst, bucket.tokens + (now - bucket.at) * taken.rate)
  bucket.at = now
end

---Makes a middleware that refuses as `busy` what comes too often; `err.details.retry_after` says
---when there is room, in seconds. Deliveries of events go through it.
---
---```lua
---shop:use(neap.middleware.rate_limit { rate = 10, burst = 20,
---  key = function(_, context) return context.meta.user end })
---```
---@param given neap.RateLimitOptions
---@return neap.Middleware
local function rate_limit(given)
  local taken = options.take(given, known, what)
  taken.burst = taken.burst or math.max(1, math.floor(taken.rate))
  local key_of, buckets = taken.key or one_for_all, lru.new(taken.keys)
  return function(message, context, next)
    local key
    if context.kind ~= "event" then
      key = key_of(message, context)
    end
    if key == nil then
      return next(message, context)
    elseif type(key) ~= "string" then
      check.misuse("%s: 'key' must give a text or nothing, but gave a %s", what, type(key))
    end
    local now, bucket = context:clock(), buckets:get(key)
    if not bucket then
      bucket = { tokens = taken.burst, at = now }
      buckets:put(key, bucket)
    end
    fill(bucket, taken, now)
    if bucket.tokens < 1 then
      local err = errors.new("busy", "more than %g messages a second", taken.rate)
      err.details = { retry_after = (1 - bucket.tokens) / taken.rate }
      return nil, err
    end
    bucket.tokens = bucket.tokens - 1
    return next(message, context)
  end
end

return rate_limit
