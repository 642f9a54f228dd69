-- Domains: what a domain's file defines, in the order in which it does.

local internal = require "neap.internal"
local aggregate = require "neap.aggregate"
local check = require "neap.check"
local guard = require "neap.guard"
local message = require "neap.message"
local outbox = require "neap.outbox"
local projection = require "neap.projection"
local saga = require "neap.saga"
local subscriber = require "neap.subscriber"
local subscription = require "neap.subscription"

---What one Lua file, and what it requires, defines.
---
---```lua
---local neap = require "neap"
---local shop = neap.domain "shop"
---local PlaceOrder = shop:command "PlaceOrder" { order_id = "string" }
---shop:handle(PlaceOrder, function(command, context) end)
---return shop
---```
---@class neap.Domain
---@field name string
---@field place neap.Place
---@field messages neap.Message[]
---@field aggregates table[]
---@field handlers table[]
---@field services table[]
---@field subscriptions table[] projections, subscribers, sagas
---@field retirements table[]
---@field middleware table[]
---@field unfinished table<string, neap.Place> what was named but not yet described
local Domain = {}

local metatable = { __name = "neap.Domain" }

---@param self any
local function check_self(self, method)
  if getmetatable(self) == "the domain" then -- as core/script/freeze.h calls it
    check.misuse("domain:%s: a domain is complete once its file was loaded", method)
  elseif getmetatable(self) ~= metatable then
    check.misuse("call it as domain:%s(…), with a colon", method)
  end
end

---@param self neap.Domain
---@param kind neap.Kind
---@param name string
---@param options? neap.EventOptions
---@return fun(fields: table): neap.Message
local function define(self, kind, name, options)
  check_self(self, kind)
  options = options or {}
  message.check(kind, name, options)
  for _, earlier in ipairs(self.messages) do
    if earlier.name == name then
      check.misuse("%s '%s' is already defined as %s at %s:%d", kind, name,
        check.a(earlier.kind), earlier.place.file, earlier.place.line)
    end
  end
  local place = check.here()
  local label = string.format("%s '%s'", kind, name)
  self.unfinished[label] = place
  return function(fields)
    if not self.unfinished[label] then
      check.misuse("%s already has its fields", label)
    end
    local made = message.new(kind, name, options, fields, place)
    self.unfinished[label] = nil
    self.messages[#self.messages + 1] = made
    return made
  end
end

---Defines a command: an intent, which one handler decides.
---@param name string
---@return fun(fields: table<string, neap.Field>): neap.Message
function Domain:command(name, options)
  return define(self, "command", name, options)
end

---Defines an event: a fact.
---@param name string
---@param options? neap.EventOptions
---@return fun(fields: table<string, neap.Field>): neap.Message
function Domain:event(name, options)
  return define(self, "event", name, options)
end

---Says that events of that type are recorded no longer. Those that are stored are passed over, or
---become what the function gives.
---
---```lua
---shop:retired "CartOpened"
---shop:retired("OrderChanged", function(data)
---  return OrderRepriced { order_id = data.order_id, total = data.total }
---end)
---```
---@param name string
---@param upcast? neap.UpcastRetired
function Domain:retired(name, upcast)
  check_self(self, "retired")
  check.name(name, "event")
  if upcast ~= nil and type(upcast) ~= "function" then
    check.misuse("event '%s': what upcasts it must be a function, but is a %s", name, type(upcast))
  end
  self.retirements[#self.retirements + 1] = { name = name, upcast = upcast, place = check.here() }
end

---Defines a query: a question, which one handler answers.
---@param name string
---@return fun(fields: table<string, neap.Field>): neap.Message
function Domain:query(name, options)
  return define(self, "query", name, options)
end

---@param list table[] what has a name and a place
---@param name string
---@param says string what is wrong if one of them has that name
local function refuse_twice(list, name, says)
  for _, earlier in ipairs(list) do
    if earlier.name == name then
      check.misuse(says .. " at %s:%d", name, earlier.place.file, earlier.place.line)
    end
  end
end

---Defines an aggregate: a state folded from one stream, which decides commands.
---@param name string
---@return fun(definition: neap.Aggregate)
function Domain:aggregate(name)
  check_self(self, "aggregate")
  check.name(name, "aggregate")
  refuse_twice(self.aggregates, name, "aggregate '%s' is already defined")
  local place = check.here()
  local label = string.format("aggregate '%s'", name)
  self.unfinished[label] = place
  return function(definition)
    if not self.unfinished[label] then
      check.misuse("%s is already defined", label)
    end
    self.aggregates[#self.aggregates + 1] = aggregate.new(name, definition, place)
    self.unfinished[label] = nil
  end
end

---Begins a definition that its table completes.
---@param self neap.Domain
---@param kind string "projection"
---@param name string
---@param make fun(name: string, definition: any, place: neap.Place): table
---@return fun(definition: table)
local function subscribe(self, kind, name, make)
  check_self(self, kind)
  subscription.check_name(name, kind)
  for _, earlier in ipairs(self.subscriptions) do
    if earlier.name == name then
      check.misuse("%s '%s': that is already the name of %s, defined at %s:%d", kind, name,
        check.a(earlier.kind), earlier.place.file, earlier.place.line)
    end
  end
  local place = check.here()
  local label = string.format("%s '%s'", kind, name)
  if self.unfinished[label] then
    check.misuse("%s is already named at %s:%d", label, self.unfinished[label].file,
      self.unfinished[label].line)
  end
  self.unfinished[label] = place
  return function(definition)
    if not self.unfinished[label] then
      check.misuse("%s is already defined", label)
    end
    self.subscriptions[#self.subscriptions + 1] = make(name, definition, place)
    self.unfinished[label] = nil
  end
end

---Defines a projection: a fold of the log that keeps documents, one for each key, or rows.
---@param name string
---@return fun(definition: neap.Projection)
function Domain:projection(name)
  return subscribe(self, "projection", name, projection.new)
end

---Defines a subscriber: functions that react to events, at least once, in order.
---@param name string
---@return fun(definition: neap.Subscriber)
function Domain:subscriber(name)
  return subscribe(self, "subscriber", name, subscriber.new)
end

---Defines a saga: a long-running process, with a state for each key.
---@param name string
---@return fun(definition: neap.Saga)
function Domain:saga(name)
  return subscribe(self, "saga", name, saga.new)
end

---Defines an outbox: stored events that are published to a broker.
---@param name string
---@return fun(definition: neap.Outbox)
function Domain:outbox(name)
  return subscribe(self, "outbox", name, outbox.new)
end

---@param self neap.Domain
---@param method string
---@param kind neap.Kind
---@param target any
---@param handler any
local function handle(self, method, kind, target, handler)
  check_self(self, method)
  if not message.is(target) then
    check.misuse("domain:%s needs a %s that the domain defined, but got %s", method, kind,
      target == nil and "nothing" or "a " .. type(target))
  end
  if target.kind ~= kind then
    check.misuse("domain:%s needs %s, but '%s' is %s", method, check.a(kind), target.name,
      check.a(target.kind))
  end
  if type(handler) ~= "function" then
    check.misuse("domain:%s: what handles '%s' must be a function, but is a %s", method,
      target.name, type(handler))
  end
  self.handlers[#self.handlers + 1] = {
    message = target,
    handler = handler,
    place = check.here(),
  }
end

---Registers the one handler of a command that belongs to no aggregate. What it publishes with
---`context:publish` is one unit of work.
---@param command neap.Message
---@param handler fun(command: table, context: neap.Context): neap.Rejection?
function Domain:handle(command, handler)
  handle(self, "handle", "command", command, handler)
end

---Registers the one handler of a query; what it gives is the answer.
---@param query neap.Message
---@param handler fun(query: table, context: neap.Context): any
function Domain:answer(query, handler)
  handle(self, "answer", "query", query, handler)
end

---Declares a service: functions for what lies outside, `context.services.<name>` in plain handlers,
---queries and middleware. Made once per lane when the runtime starts; a host can replace it.
---
---```lua
---shop:service("clock", function() return { hour = function() return os.date "*t".hour end } end)
---```
---With options its functions are guarded, those of each lane by themselves: with `timeout` what a
---call waits for ends then, and one that comes back later gives nil and a `timeout`; with `breaker`
---and `limit` a call that cannot be made now gives nil and `unavailable`, or `busy`.
---
---```lua
---shop:service("mail", make_mail, { timeout = 2, breaker = { failures = 3, open_for = 30 } })
---```
---@param name string
---@param factory neap.ServiceFactory
---@param options? neap.GuardOptions
function Domain:service(name, factory, options)
  check_self(self, "service")
  check.name(name, "service")
  local what = string.format("service '%s'", name)
  options = options == nil and {} or options
  check.keys(options, { timeout = "?number", breaker = "?table", limit = "?number" }, what)
  if type(factory) ~= "function" then
    check.misuse("service '%s' needs a function that makes it, but got %s", name,
      factory == nil and "nothing" or "a " .. type(factory))
  end
  refuse_twice(self.services, name, "service '%s' is already declared")
  self.services[#self.services + 1] = {
    name = name,
    factory = factory,
    guards = guard.take(options, what),
    place = check.here(),
  }
end

---Adds middleware: a function around every command and query. The first that is added is the
---outermost. What it gives is a result, or nil and an error.
---
---```lua
---shop:use(function(message, context, next)
---  print("begins", context.name)
---  return next(message, context)
---end)
---```
---@param middleware neap.Middleware
function Domain:use(middleware)
  check_self(self, "use")
  local class = type(middleware) == "table" and getmetatable(middleware)
  if type(middleware) ~= "function" and not (type(class) == "table" and class.__call) then
    check.misuse("domain:use needs a function (message, context, next), but got %s",
      middleware == nil and "nothing" or "a " .. type(middleware))
  end
  self.middleware[#self.middleware + 1] = { handler = middleware, place = check.here() }
end

metatable.__index = check.closed(Domain, "a domain", {})

local domain = {}

local first

---Says how a domain of this module is checked as a whole: for hosts, which open domains.
---@param make fun(defined: neap.Domain): table
function domain.planned_by(make)
  metatable.plan = make
end

---Begins a domain; its file returns it.
---@param name string
---@return neap.Domain
function domain.new(name)
  check.name(name, "domain")
  if internal.own and first then
    check.misuse("domain '%s' is already begun at %s:%d; a file defines one domain", first.name,
      first.place.file, first.place.line)
  end
  local begun = setmetatable({
    name = name,
    place = check.here(),
    messages = {},
    aggregates = {},
    handlers = {},
    services = {},
    subscriptions = {},
    retirements = {},
    middleware = {},
    unfinished = {},
  }, metatable)
  first = internal.own and begun or nil
  return begun
end

---@param defined neap.Domain
---@return table<string, neap.Message>
function domain.messages_by_name(defined)
  local messages = {}
  for _, defined_message in ipairs(defined.messages) do
    messages[defined_message.name] = defined_message
  end
  return messages
end

---@param value any
---@return boolean
function domain.is(value)
  return getmetatable(value) == metatable
end

return domain
