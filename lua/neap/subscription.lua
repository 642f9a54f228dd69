-- What projections, subscribers and sagas have in common: a named reader of the log, which divides
-- what it reads by keys.

local check = require "neap.check"
local known = require "neap.defined"
local evolution = require "neap.evolution"

---What names the document or the saga that an event belongs to: a field of the event; a function
---that gives a text or an integer, several as several results, or nil: none; or one of these for
---each event.
---@alias neap.Key string | neap.KeyFunction | table<string, string | neap.KeyFunction>

---It is pure.
---@alias neap.KeyFunction
---| fun(event: table, context: neap.ProjectionContext): string | integer | nil, ...

local subscription = {}

local most_partitions = 1024

---Raises unless it can be the name of a subscription: names of collections and of what is kept in
---them are made from it.
---@param name any
---@param kind string "projection"
function subscription.check_name(name, kind)
  check.name(name, kind)
  if string.find(name, "[/@:${}]") then
    check.misuse("%s '%s': its name has none of '/', '@', ':', '$', '{' and '}'", kind, name)
  end
end

---@param count any
---@param most integer
---@param what string
---@param key string
function subscription.check_count(count, most, what, key)
  if count ~= nil and (math.type(count) ~= "integer" or count < 1 or count > most) then
    check.misuse("%s: '%s' must be an integer from 1%s", what, key,
      most < 0x7FFFFFFF and " to " .. most or "")
  end
end

---@param partitions any
---@param what string
function subscription.check_partitions(partitions, what)
  subscription.check_count(partitions, most_partitions, what, "partitions")
end

---@param start any
---@param what string
---@return boolean # it starts from now
function subscription.starts_now(start, what)
  if start ~= nil and start ~= "beginning" and start ~= "now" then
    check.misuse("%s: 'start' must be \"beginning\" or \"now\", but is '%s'", what, start)
  end
  return start == "now"
end

---Raises unless it has functions by names.
---@param handlers table
---@param what string
---@param noun string "event"
---@return table handlers a copy
function subscription.check_handlers(handlers, what, noun)
  local copy = {}
  for _, name in ipairs(check.sorted_keys(handlers)) do
    if type(name) ~= "string" then
      check.misuse("%s: each %s must be named by a text, but one is named by a %s", what, noun,
        type(name))
    elseif type(handlers[name]) ~= "function" then
      check.misuse("%s: what handles the %s '%s' must be a function, but is a %s", what, noun, name,
        type(handlers[name]))
    end
    copy[name] = handlers[name]
  end
  return copy
end

---@param events table
---@param what string
---@return table
function subscription.check_events(events, what)
  if next(events) == nil then
    check.misuse("%s handles no event: 'events' is empty", what)
  end
  return subscription.check_handlers(events, what, "event")
end

---@param key any
---@param what string
---@return any key a copy
function subscription.check_key(key, what)
  if type(key) ~= "table" then
    return key
  end
  local copy = {}
  for _, name in ipairs(check.sorted_keys(key)) do
    local given = key[name]
    if type(name) ~= "string" or type(given) ~= "string" and type(given) ~= "function" then
      check.misuse("%s: 'key', as a table, has a field or a function for each event, but %s for "
        .. "'%s'", what, check.a(type(given)), tostring(name))
    end
    copy[name] = given
  end
  return copy
end

---Raises unless the field can name what an event belongs to.
---@param planned table
---@param message neap.Message
---@param field string
---@param what string
local function check_field(planned, message, field, what)
  local given = message.fields[field]
  if given == nil then
    check.misuse_at(planned.place, "%s: its key '%s' is not a field of the event '%s'%s", what,
      field, message.name, check.did_you_mean(field, check.sorted_keys(message.fields)))
  end
  local base = type(given) == "string" and string.gsub(given, "%?$", "") or type(given)
  if base ~= "string" and base ~= "integer" and base ~= "any" and base ~= "function" then
    check.misuse_at(planned.place, "%s: its key '%s' must be a string or an integer in the event "
      .. "'%s'", what, field, message.name)
  end
end

---@param planned table
---@param by_name table<string, table>
---@param what string
local function check_key_names(planned, by_name, what)
  local names = check.sorted_keys(planned.events)
  for _, name in ipairs(check.sorted_keys(planned.key)) do
    if not planned.events[name] then
      check.misuse_at(planned.place, "%s: 'key' has the event '%s', which it does not handle%s",
        what, name, by_name[name] and "" or check.did_you_mean(name, names))
    end
  end
end

---Notes by the messages' numbers what gives their keys.
---@param planned table
---@param by_name table<string, table>
---@param what string
local function plan_keys(planned, by_name, what)
  local by_type = type(planned.key) == "table"
  planned.keys = {}
  if planned.key == nil then -- only what is a subscriber or has rows of its own
    return
  elseif by_type then
    check_key_names(planned, by_name, what)
  end
  for _, name in ipairs(check.sorted_keys(planned.events)) do
    local entry = by_name[name]
    local key = planned.key
    if by_type then
      key = planned.key[name]
    end
    if key == nil then
      check.misuse_at(planned.place, "%s: 'key' has nothing for the event '%s'", what, name)
    elseif type(key) == "string" then
      check_field(planned, entry.message, key, what)
    end
    planned.keys[entry.index] = key
  end
end

---Notes by the messages' numbers what handles them.
---@param planned table
---@param by_name table<string, table>
---@param defined neap.Domain
---@param what string
local function plan_events(planned, by_name, defined, what)
  local stored = {}
  planned.handlers = {}
  for _, name in ipairs(check.sorted_keys(planned.events)) do
    local handler = planned.events[name]
    local place = planned.named_by_list and planned.place or check.place_of(handler)
    known.check(by_name, "event", name, place, what, evolution.fate(name, defined))
    local transient = by_name[name].message.transient
    if transient and planned.kind ~= "subscriber" then
      check.misuse_at(place, "%s handles the event '%s', which is transient and never stored", what,
        name)
    elseif not transient then
      stored[name] = handler
    end
    planned.handlers[by_name[name].index] = handler
  end
  planned.types = evolution.types(stored, defined)
  planned.only_transient = next(stored) == nil
end

---Notes one function for all events.
---@param planned table
---@param by_name table<string, table>
local function plan_every_event(planned, by_name)
  planned.handlers, planned.types = {}, {}
  for _, entry in pairs(by_name) do
    if entry.message.kind == "event" then
      planned.handlers[entry.index] = planned.handle
    end
  end
end

---Checks a definition against the domain as a whole, and completes it.
---@param planned table
---@param by_name table<string, table>
---@param defined neap.Domain
function subscription.plan(planned, by_name, defined)
  local what = string.format("%s '%s'", planned.kind, planned.name)
  if planned.events then
    plan_events(planned, by_name, defined, what)
  else
    plan_every_event(planned, by_name)
  end
  plan_keys(planned, by_name, what)
end

return subscription
