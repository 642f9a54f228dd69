-- Outboxes: events on their way to other systems.

local check = require "neap.check"
local known_names = require "neap.defined"
local errors = require "neap.errors"
local evolution = require "neap.evolution"
local retry = require "neap.retry"
local subscription = require "neap.subscription"

---An outbox publishes stored events, at least once and in the order of each stream: as CloudEvents
---in JSON, with the event's id as the message's. How far it came is kept, behind what the broker
---has acknowledged.
---
---```lua
---shop:outbox "partners" {
---  types = { "OrderPlaced", "OrderShipped" },
---  to = "nats://localhost:4222",
---  subject = "shop.{type}",
---}
---```
---
---A domain can publish by itself, with a function, or with the function `publish` of a service:
---
---```lua
---shop:service("audit", function()
---  return { publish = function(message) print(message.body) end }
---end)
---shop:outbox "audit" { to = "service:audit" }
---```
---@class neap.Outbox
---@field to string | neap.Publish where they go: the URL of a broker; the name of a publisher that
--- the host provides; "service:" and the name of a service; or a function
---@field types? string[] which events; without it all
---@field subject? string "<domain>.{type}": by what the broker distributes them; in braces type,
--- category, stream or id
---@field source? string "/<domain>": what they name as their source
---@field start? "beginning" | "now" "beginning": with which events it begins
---@field pending? integer 256: how many may wait for their acknowledgement at once
---@field timeout? number seconds; of a broker 5: to wait for an acknowledgement, or a connection;
--- of a function that one attempt may take, without it as long as it takes
---@field retry? neap.Retry of an event that is not taken; while a broker is away it is tried again
--- and again, as its delays say
---@field on_failure? "dead_letter" | "stop" "stop": what becomes of an event that is not taken at
--- last; nothing more is published, or it is set aside, and later events of its stream behind it

---Publishes one event. When it returns, the event is there to stay; the next one comes after that.
---It may wait, and block. Given again, an event has the same id. What it raises, or gives as an
---error behind a nil, makes the event come again: for as long as it takes if the error's code is
---"unavailable", "timeout" or "busy", else as `retry` says, and not at all after `neap.reject`.
---
---```lua
---to = function(message, context)
---  local answer = context.services.http.post("https://example.org/events", message.body)
---  if not answer then
---    return nil, { code = "unavailable", message = "example.org does not answer" }
---  end
---end
---```
---@alias neap.Publish fun(message: neap.Publication, context: neap.SubscriberContext): any, any

---An event on its way out, as it was recorded; its envelope is `context.event`.
---@class neap.Publication
---@field id string the event's: by it whoever receives it knows it again
---@field type string
---@field stream string
---@field body string CloudEvents 1.0 in JSON, structured mode
---@field content_type "application/cloudevents+json"
---@field data table the event's fields

local outbox = {}

local known = {
  to = "string function",
  types = "?table",
  subject = "?string",
  source = "?string",
  start = "?string",
  pending = "?number",
  timeout = "?number",
  retry = "?table",
  on_failure = "?string",
}

local of_brokers = { "subject", "pending" }

---@param types any
---@param what string
---@return string[]?
local function check_types(types, what)
  if types == nil then
    return nil
  end
  local copy, seen = {}, {}
  if #types == 0 or #check.sorted_keys(types) ~= #types then
    check.misuse("%s: 'types' must be a list of events", what)
  end
  for index, name in ipairs(types) do
    if type(name) ~= "string" then
      check.misuse("%s: 'types' must be a list of events, but has %s", what, check.a(type(name)))
    elseif seen[name] then
      check.misuse("%s: 'types' has '%s' twice", what, name)
    end
    copy[index], seen[name] = name, true
  end
  return copy
end

---The service that publishes, if one does.
---@param to any
---@return string?
function outbox.service_of(to)
  return type(to) == "string" and string.match(to, "^service:(.*)$") or nil
end

---@param definition neap.Outbox
---@param what string
local function check_options(definition, what)
  for _, key in ipairs { "to", "subject", "source" } do
    if definition[key] == "" then
      check.misuse("%s: '%s' is empty", what, key)
    end
  end
  subscription.check_count(definition.pending, 10000, what, "pending")
  local timeout = definition.timeout
  if outbox.service_of(definition.to) == "" then
    check.misuse("%s: 'to' names no service; it is \"service:NAME\"", what)
  elseif type(definition.to) == "function" or outbox.service_of(definition.to) then
    for _, key in ipairs(of_brokers) do
      if definition[key] ~= nil then
        check.misuse("%s: '%s' is for a broker; what the domain publishes by itself has none", what,
          key)
      end
    end
  end
  if timeout and not (timeout >= 0.001 and timeout <= 3600) then
    check.misuse("%s: 'timeout' must be a number of seconds from 0.001 to 3600", what)
  end
end

---@param publish neap.Publish
---@return neap.Publish # gives errors as the core takes them
local function publisher(publish)
  return function(message, context)
    local done, err = publish(message, context)
    if done == nil and err ~= nil then
      return nil, errors.from(err) or tostring(err)
    end
    return done
  end
end

---@param name string
---@param what string
---@return neap.Publish
local function of_service(name, what)
  return publisher(function(message, context)
    local publish = context.services[name].publish
    if publish == nil then
      error(string.format("%s: the service '%s' has no function 'publish'", what, name), 0)
    end
    return publish(message, context)
  end)
end

---Checks an outbox's definition as far as it can be told from itself.
---@param name string
---@param definition any
---@param place neap.Place
---@return table
function outbox.new(name, definition, place)
  local what = string.format("outbox '%s'", name)
  check.keys(definition, known, what)
  check_options(definition, what)
  local to, service = definition.to, outbox.service_of(definition.to)
  return {
    kind = "outbox",
    name = name,
    place = place,
    only = check_types(definition.types, what),
    to = type(to) == "string" and to or nil,
    publish = type(to) == "function" and publisher(to) or service and of_service(service, what),
    service = service,
    subject = definition.subject,
    source = definition.source,
    partitions = 1,
    from_now = subscription.starts_now(definition.start, what),
    pending = definition.pending or 256,
    timeout = definition.timeout or type(to) == "string" and not service and 5 or nil,
    retry = retry.take(definition.retry, what),
    stops = retry.stops(definition.on_failure, "stop", what),
  }
end

---@param planned table
---@param defined neap.Domain
---@param what string
local function check_service(planned, defined, what)
  local names = {}
  for _, service in ipairs(defined.services) do
    if service.name == planned.service then
      return
    end
    names[#names + 1] = service.name
  end
  check.misuse_at(planned.place, "%s goes to the service '%s', which is not declared%s", what,
    planned.service, check.did_you_mean(planned.service, names))
end

---Finds the stored types that it publishes: what was recorded under an earlier name leaves as it
---was recorded, too.
---@param planned table
---@param by_name table<string, table>
---@param defined neap.Domain
function outbox.plan(planned, by_name, defined)
  local what = string.format("outbox '%s'", planned.name)
  local types = {}
  if planned.service then
    check_service(planned, defined, what)
  end
  for _, name in ipairs(planned.only or {}) do
    known_names.check(by_name, "event", name, planned.place, what, evolution.fate(name, defined))
    local message = by_name[name].message
    if message.transient then
      check.misuse_at(planned.place, "%s handles the event '%s', which is transient and never "
        .. "stored", what, name)
    end
    types[name] = true
    for _, former in ipairs(message.formerly) do
      types[former] = true
    end
  end
  planned.types = check.sorted_keys(types)
end

return outbox
