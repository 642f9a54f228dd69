-- Subscribers: what reacts to events, at least once, in order.

local check = require "neap.check"
local guard = require "neap.guard"
local retry = require "neap.retry"
local subscription = require "neap.subscription"

---A subscriber has a function for each event in `events`, or one for all of them in `handle`: then
---`types`, `categories` or `all` says which ones.
---
---```lua
---shop:subscriber "mailer" {
---  events = {
---    OrderShipped = function(event, context) context.services.mail.send(event.order_id) end,
---  },
---  start = "now",
---}
---shop:subscriber "audit" {
---  categories = { "Order" },
---  handle = function(event, context) print(context.event.type, event.order_id) end,
---}
---```
---@class neap.Subscriber
---@field events? table<string, neap.React>
---@field handle? neap.React
---@field types? string[] the events that `handle` gets
---@field categories? string | string[] only events of streams of these
---@field all? boolean `handle` gets all events
---@field start? "beginning" | "now" "beginning": with which events it begins
---@field partitions? integer 1: how many parts, by stream, are handled side by side
---@field retry? neap.Retry
---@field on_failure? "dead_letter" | "stop" "dead_letter": what becomes of an event that fails at
--- last; it is set aside, and later events of its stream behind it, or nothing more is handled
---@field timeout? number seconds that one attempt may take: what waits by then gets a `timeout`,
--- and the attempt has failed with that
---@field breaker? neap.BreakerOptions while its circuit is open nothing is handled: the events wait
---@field limit? integer how many of its partitions may be at an event at once, on all lanes

---Reacts to an event. It may wait; what it sends with `context:send` is queued when it returns.
---@alias neap.React fun(event: table, context: neap.SubscriberContext)

local subscriber = {}

local known = {
  events = "?table",
  handle = "?function",
  types = "?table",
  categories = "?string table",
  all = "?boolean",
  start = "?string",
  partitions = "?number",
  retry = "?table",
  on_failure = "?string",
  timeout = "?number",
  breaker = "?table",
  limit = "?number",
}

---A list of texts, each once.
---@param given any
---@param what string
---@param key string
---@return string[]
local function check_list(given, what, key)
  local list = type(given) == "string" and { given } or given
  local copy, seen = {}, {}
  if #list == 0 or #check.sorted_keys(list) ~= #list then
    check.misuse("%s: '%s' must be a list of names", what, key)
  end
  for index, name in ipairs(list) do
    if type(name) ~= "string" then
      check.misuse("%s: '%s' must be a list of names, but has a %s", what, key, type(name))
    elseif seen[name] then
      check.misuse("%s: '%s' has '%s' twice", what, key, name)
    end
    copy[index], seen[name] = name, true
  end
  return copy
end

---@param definition neap.Subscriber
---@param what string
local function check_form(definition, what)
  if definition.events and definition.handle then
    check.misuse("%s has 'events' and 'handle'; it has one of them", what)
  elseif definition.events and (definition.types or definition.all) then
    check.misuse("%s: '%s' is for 'handle'; 'events' says by itself which events it handles", what,
      definition.types and "types" or "all")
  elseif not definition.events and not definition.handle then
    check.misuse("%s needs 'events', a function for each, or 'handle', one for all of them", what)
  elseif definition.all and (definition.types or definition.categories) then
    check.misuse("%s: 'all' and '%s' exclude each other", what,
      definition.types and "types" or "categories")
  elseif definition.handle
    and not (definition.types or definition.categories or definition.all) then
    check.misuse("%s: which events does 'handle' get? Say it with 'types', 'categories' or "
      .. "all = true", what)
  end
end

---@param definition neap.Subscriber
---@param what string
---@return table<string, function>?
local function events_of(definition, what)
  if definition.events then
    return subscription.check_events(definition.events, what)
  elseif definition.types then
    local events = {}
    for _, name in ipairs(check_list(definition.types, what, "types")) do
      events[name] = definition.handle
    end
    return events
  end
end

---Checks a subscriber's definition as far as it can be told from itself.
---@param name string
---@param definition any
---@param place neap.Place
---@return table
function subscriber.new(name, definition, place)
  local what = string.format("subscriber '%s'", name)
  check.keys(definition, known, what)
  check_form(definition, what)
  subscription.check_partitions(definition.partitions, what)
  local guards = guard.take(definition, what)
  return {
    kind = "subscriber",
    name = name,
    place = place,
    events = events_of(definition, what),
    handle = definition.handle,
    named_by_list = definition.types ~= nil,
    categories = definition.categories and check_list(definition.categories, what, "categories"),
    partitions = definition.partitions or 1,
    from_now = subscription.starts_now(definition.start, what),
    retry = retry.take(definition.retry, what),
    stops = retry.stops(definition.on_failure, "dead_letter", what),
    timeout = guards.timeout,
    breaker = guards.breaker,
    limit = guards.limit,
  }
end

return subscriber
