-- Sagas: long-running processes, which react to events, issue commands, wait and compensate.

local check = require "neap.check"
local known = require "neap.defined"
local subscription = require "neap.subscription"

---A saga has a state for each key, from one of the events that it starts with until it is complete
---or has failed. All of its functions are pure: what they want done they say to their context, and
---it is durable together with the state.
---
---```lua
---shop:saga "payment" {
---  key = "order_id",
---  starts = { "OrderPlaced" },
---  events = {
---    OrderPlaced = function(saga, event, context)
---      saga.total = event.total
---      context:send(TakePayment { order_id = event.order_id, amount = event.total })
---      context:timeout("payment", 15 * 60)
---    end,
---    PaymentTaken = function(saga, event, context) context:complete() end,
---  },
---  timeouts = { payment = function(saga, context) context:fail "no payment in time" end },
---}
---```
---@class neap.Saga
---@field key neap.Key names the saga
---@field initial? table | fun(key: string): table before the first event; copied
---@field starts string[] the events that begin one
---@field events table<string, neap.SagaEvent>
---@field timeouts? table<string, neap.SagaTimeout> by the names that `context:timeout` gives
---@field rejections? table<string, neap.SagaRejection> by commands; without one the saga fails
---@field partitions? integer 1: how many parts, by key, are handled side by side
---@field start? "beginning" | "now" "beginning": with which events it begins

---Changes the saga's state by an event; a table that it gives replaces the state.
---@alias neap.SagaEvent
---| fun(saga: table, event: table, context: neap.SagaContext): table?

---The time that was asked for is over.
---@alias neap.SagaTimeout fun(saga: table, context: neap.SagaContext): table?

---A command that the saga sent was refused, or cannot be done.
---@alias neap.SagaRejection
---| fun(saga: table, rejection: neap.SagaRejected, context: neap.SagaContext): table?

---@class neap.SagaRejected
---@field code string the domain's own, or that of an error
---@field message string
---@field details any
---@field command string the command's name
---@field data table the command's fields

local saga = {}

local known_keys = {
  key = "string function table",
  initial = "?table function",
  starts = "table",
  events = "table",
  timeouts = "?table",
  rejections = "?table",
  partitions = "?number",
  start = "?string",
}

---@param starts any[]
---@param events table
---@param what string
---@return table<string, boolean>
local function check_starts(starts, events, what)
  local begins = {}
  if #starts == 0 or #check.sorted_keys(starts) ~= #starts then
    check.misuse("%s: 'starts' must be a list of the events that begin it", what)
  end
  for _, name in ipairs(starts) do
    if type(name) ~= "string" then
      check.misuse("%s: 'starts' must be a list of events, but has a %s", what, type(name))
    elseif not events[name] then
      check.misuse("%s starts with the event '%s', for which it has no function in 'events'%s",
        what, name, check.did_you_mean(name, check.sorted_keys(events)))
    elseif begins[name] then
      check.misuse("%s: 'starts' has '%s' twice", what, name)
    end
    begins[name] = true
  end
  return begins
end

---@param timeouts table
---@param what string
---@return table
local function check_timeouts(timeouts, what)
  local copy = subscription.check_handlers(timeouts, what, "timeout")
  for name in pairs(copy) do
    if name == "" or #name > 200 or not utf8.len(name) or string.find(name, "%c") then
      check.misuse("%s: a timeout's name has 1 to 200 bytes and no control characters", what)
    end
  end
  return copy
end

---Checks a saga's definition as far as it can be told from itself.
---@param name string
---@param definition any
---@param place neap.Place
---@return table
function saga.new(name, definition, place)
  local what = string.format("saga '%s'", name)
  check.keys(definition, known_keys, what)
  subscription.check_partitions(definition.partitions, what)
  local events = subscription.check_events(definition.events, what)
  return {
    kind = "saga",
    name = name,
    place = place,
    key = subscription.check_key(definition.key, what),
    initial = definition.initial == nil and {} or definition.initial,
    begins = check_starts(definition.starts, events, what),
    events = events,
    timeouts = check_timeouts(definition.timeouts or {}, what),
    rejections = subscription.check_handlers(definition.rejections or {}, what, "command"),
    partitions = definition.partitions or 1,
    from_now = subscription.starts_now(definition.start, what),
  }
end

---Checks it against the domain as a whole, behind what all subscriptions have in common.
---@param planned table
---@param by_name table<string, table>
function saga.plan(planned, by_name)
  local what = string.format("saga '%s'", planned.name)
  planned.starts = {}
  for name in pairs(planned.begins) do
    planned.starts[by_name[name].index] = true
  end
  for _, name in ipairs(check.sorted_keys(planned.rejections)) do
    local place = check.place_of(planned.rejections[name])
    known.check(by_name, "command", name, place, what .. ", in 'rejections',")
  end
end

return saga
