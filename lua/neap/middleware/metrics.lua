-- Metrics: how many messages came, what became of them, and how long they took.

local check = require "neap.check"
local options = require "neap.middleware.options"

---@class neap.MetricsOptions
---@field buckets? number[] seconds, rising: .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10

---What is known of one kind of message. All of it JSON can say.
---@class neap.MessageMetrics
---@field count integer that are done
---@field under_way integer
---@field failures table<string, integer> by code
---@field seconds number of all together
---@field longest number seconds
---@field buckets { seconds: number, count: integer }[] how many took at most so long

---A middleware that counts. `read` gives what it counted in its lane since the runtime started.
---
---```lua
---local metrics = neap.middleware.metrics()
---shop:use(metrics)
---shop:answer(shop:query "GetMetrics" {}, function() return metrics:read() end)
---```
---@class neap.Metrics
---@overload fun(message: table, context: neap.MiddlewareContext, next: neap.Next): any, neap.Error?
local Metrics = {}
Metrics.__index = Metrics

local known = {
  buckets = {
    types = "?table",
    default = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 },
  },
}

-- A domain that makes codes without end does not make the table grow without end.
local most_codes = 100

---@param buckets any[]
local function check_buckets(buckets)
  for index, seconds in ipairs(buckets) do
    local previous = buckets[index - 1] or 0
    if type(seconds) ~= "number" or seconds <= previous or seconds ~= seconds then
      check.misuse("neap.middleware.metrics: 'buckets' must be rising numbers above 0")
    end
  end
end

---@param self neap.Metrics
---@param context neap.MiddlewareContext
---@return table
local function entry_of(self, context)
  local of_kind = self[context.kind]
  local name = context.subscription or context.name
  local entry = of_kind[name]
  if not entry then
    entry = { count = 0, under_way = 0, failures = {}, codes = 0, seconds = 0, longest = 0,
      buckets = {} }
    for index in ipairs(self.bounds) do
      entry.buckets[index] = 0
    end
    of_kind[name] = entry
  end
  return entry
end

---@param entry table
---@param code string
local function count_failure(entry, code)
  if not entry.failures[code] then
    if entry.codes >= most_codes then
      code = "other"
    else
      entry.codes = entry.codes + 1
    end
  end
  entry.failures[code] = (entry.failures[code] or 0) + 1
end

---@param self neap.Metrics
---@param entry table
---@param seconds number
local function count_time(self, entry, seconds)
  entry.seconds = entry.seconds + seconds
  entry.longest = math.max(entry.longest, seconds)
  for index, bound in ipairs(self.bounds) do
    if seconds <= bound then
      entry.buckets[index] = entry.buckets[index] + 1
    end
  end
end

---@param self neap.Metrics
local function count_message(self, message, context, next)
  local entry = entry_of(self, context)
  local began = context:clock()
  local _ <close> = setmetatable({}, { -- also if next raises, or the runtime closes meanwhile
    __close = function(_, raised)
      entry.under_way = entry.under_way - 1
      entry.count = entry.count + 1
      if raised ~= nil then
        count_failure(entry, "handler")
      end
    end,
  })
  entry.under_way = entry.under_way + 1
  local result, err = next(message, context)
  count_time(self, entry, context:clock() - began)
  if err then
    count_failure(entry, err.code)
  end
  return result, err
end

---@param self neap.Metrics
---@param entries table<string, table>
---@return table<string, neap.MessageMetrics>
local function read(self, entries)
  local found = {}
  for name, entry in pairs(entries) do
    local failures, buckets = {}, {}
    for code, count in pairs(entry.failures) do
      failures[code] = count
    end
    for index, bound in ipairs(self.bounds) do
      buckets[index] = { seconds = bound, count = entry.buckets[index] }
    end
    found[name] = {
      count = entry.count,
      under_way = entry.under_way,
      failures = failures,
      seconds = entry.seconds,
      longest = entry.longest,
      buckets = buckets,
    }
  end
  return found
end

---What was counted.
---@return table<"commands" | "queries" | "deliveries", table<string, neap.MessageMetrics>> by
--- names: of deliveries those of the subscribers and sagas
function Metrics:read()
  return {
    commands = read(self, self.command),
    queries = read(self, self.query),
    deliveries = read(self, self.event),
  }
end

Metrics.__call = count_message

---Makes a middleware that counts.
---@param given? neap.MetricsOptions
---@return neap.Metrics
local function metrics(given)
  local taken = options.take(given, known, "neap.middleware.metrics")
  check_buckets(taken.buckets)
  return setmetatable({ bounds = taken.buckets, command = {}, query = {}, event = {} }, Metrics)
end

return metrics
