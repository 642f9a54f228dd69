-- Middleware that most domains want, ready to use. Each is loaded when it is first named.

local check = require "neap.check"

---@class neap.ReadyMiddleware
---@field logging fun(options?: neap.LoggingOptions): neap.Middleware
---@field metrics fun(options?: neap.MetricsOptions): neap.Metrics
---@field validation fun(checks: table<string, neap.Validate>): neap.Middleware
---@field authorisation fun(policy: neap.Authorise | neap.AuthorisationOptions): neap.Middleware
---@field retry fun(options?: neap.RetryOptions): neap.Middleware
---@field timeout fun(seconds: number): neap.Middleware
---@field rate_limit fun(options: neap.RateLimitOptions): neap.Middleware
---@field circuit_breaker fun(options?: neap.CircuitBreakerOptions): neap.Middleware
---@field cache fun(options?: neap.CacheOptions): neap.Middleware

local names = {
  "authorisation", "cache", "circuit_breaker", "logging", "metrics", "rate_limit", "retry",
  "timeout", "validation",
}

local known = {}
for _, name in ipairs(names) do
  known[name] = true
end

---@type neap.ReadyMiddleware
local middleware = setmetatable({}, {
  __index = function(self, name)
    if not known[name] then
      check.misuse("neap.middleware has no '%s'%s", tostring(name),
        check.did_you_mean(tostring(name), names))
    end
    local made = require("neap.middleware." .. name)
    rawset(self, name, made)
    return made
  end,
})

return middleware
