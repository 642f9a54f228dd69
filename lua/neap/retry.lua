-- What becomes of an event whose handling fails, in subscribers and outboxes.

local check = require "neap.check"
local subscription = require "neap.subscription"

---What becomes of an event whose handler fails: it is tried again, later and later.
---@class neap.Retry
---@field attempts? integer 5: how often it is tried in all
---@field first_delay? number 0.2: seconds before the second attempt
---@field factor? number 2: by which each delay is longer than the one before
---@field max_delay? number 30: seconds, the longest delay
---@field jitter? number 0.25: by which part of a delay chance moves it, either way

local retry = {}

local known = {
  attempts = "?number",
  first_delay = "?number",
  factor = "?number",
  max_delay = "?number",
  jitter = "?number",
}

---Raises unless it is a number within bounds.
---@param given table
---@param key string
---@param least number
---@param most number
---@param what string
local function check_within(given, key, least, most, what)
  local value = given[key]
  if value ~= nil and not (value >= least and value <= most) then
    check.misuse("%s: 'retry.%s' must be a number from %g to %g", what, key, least, most)
  end
end

---@param given? neap.Retry
---@param what string
---@return table # a copy
function retry.take(given, what)
  given = given or {}
  check.keys(given, known, what .. ": 'retry'")
  subscription.check_count(given.attempts, 1000, what, "retry.attempts")
  check_within(given, "first_delay", 0, 86400, what)
  check_within(given, "max_delay", 0, 86400, what)
  check_within(given, "factor", 1, 100, what)
  check_within(given, "jitter", 0, 1, what)
  local copy = {}
  for key in pairs(known) do
    copy[key] = given[key]
  end
  return copy
end

---Whether a subscription stops at what fails at last.
---@param given any
---@param default "dead_letter" | "stop"
---@param what string
---@return boolean
function retry.stops(given, default, what)
  if given ~= nil and given ~= "dead_letter" and given ~= "stop" then
    check.misuse("%s: 'on_failure' must be \"dead_letter\" or \"stop\", but is '%s'", what,
      tostring(given))
  end
  return (given or default) == "stop"
end

return retry
