-- Logging: a line for each message that went through.

local options = require "neap.middleware.options"

---@class neap.LoggingOptions
---@field write? fun(line: string, fields: neap.LogFields) `print`, which goes to the host's log
---@field successes? boolean true: also what succeeded; false: failures only, and what was slow
---@field slow? number seconds: from when on a success is said to be slow

---@class neap.LogFields
---@field kind "command" | "query" | "event"
---@field name string
---@field command_id string
---@field seconds number
---@field subscription? string the subscriber or saga that an event was for
---@field error? neap.Error
---@field slow boolean

local known = {
  write = { types = "?function" },
  successes = { types = "?boolean", default = true },
  slow = { types = "?number", default = math.huge, least = 0 },
}

---@param fields neap.LogFields
---@return string
local function line_of(fields)
  local err = fields.error
  local outcome = err and string.format("%s: %s", err.code, err.message)
    or fields.slow and "slow" or "ok"
  local whose = fields.subscription and " for " .. fields.subscription or ""
  return string.format("%s %s%s (%.1f ms): %s", fields.kind, fields.name, whose,
    fields.seconds * 1000, outcome)
end

---Makes a middleware that writes a line for each message, and for each event that was delivered to
---a subscriber or a saga.
---
---```lua
---shop:use(neap.middleware.logging { slow = 0.5 })
---```
---@param given? neap.LoggingOptions
---@return neap.Middleware
local function logging(given)
  local taken = options.take(given, known, "neap.middleware.logging")
  local write = taken.write or function(line)
    print(line)
  end
  return function(message, context, next)
    local began = context:clock()
    local result, err = next(message, context)
    local seconds = context:clock() - began
    local slow = seconds >= taken.slow
    if err or slow or taken.successes then
      local fields = {
        kind = context.kind,
        name = context.name,
        command_id = context.command_id,
        subscription = context.subscription,
        seconds = seconds,
        error = err,
        slow = slow,
      }
      write(line_of(fields), fields)
    end
    return result, err
  end
end

return logging
