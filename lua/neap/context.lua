---@meta
-- luacheck: ignore 112 212 241
-- What handlers get as `context`, as core/script/context.c provides it.

---@class neap.PublishOptions
---@field stream string
---@field expected? integer the stream's version before the event; 0: it must not exist

---@class neap.NestedDispatchOptions
---@field idempotency_key? string the command takes effect once while it is kept
---@field timeout? number seconds; the time of the command that is handled bounds it too

---@class neap.NestedQueryOptions
---@field timeout? number seconds

---What a handler may ask for and do while it runs; afterwards it is an error to use it.
---@class neap.Context
---@field meta table<string, string> what the caller gave; a copy
---@field command_id string of the message that is handled
---@field correlation_id string
---@field causation_id? string
---@field idempotency_key? string of a plain handler's command
---@field services table<string, table> what the domain declared with `domain:service`; not in
--- aggregates' commands
---@field event nil in commands and queries there is none
local Context = {}

---When the message was recorded: the same whenever the decision is repeated.
---@return integer us since 1970, UTC
function Context:now() end

---A new id, derived from the message's: the same whenever the decision is repeated.
---@return string uuid
function Context:id() end

---Adds an event to the unit of work of a plain handler.
---
---```lua
---context:publish(StockCounted { sku = "s-1", count = 7 }, { stream = "Stock-s-1" })
---```
---@param event table what an event's constructor gave
---@param options neap.PublishOptions
function Context:publish(event, options) end

---The accepted state of an aggregate's instance, as a copy; nil if there is none. In queries and
---plain handlers, which may have to wait for it.
---@param aggregate string
---@param id string | integer | table by tags: a table of their values
---@return table?
function Context:state(aggregate, id) end

---A document of a projection as it is stored now; nil: there is none. In queries and plain
---handlers.
---
---```lua
---shop:answer(GetOrder, function(query, context)
---  return context:find("orders", query.order_id)
---end)
---```
---@param projection string
---@param key string | integer
---@return any
function Context:find(projection, key) end

---The documents of a projection, in the bytewise order of their keys.
---@param projection string
---@param options? neap.ListOptions
---@return { key: string, document: any }[]
function Context:list(projection, options) end

---The rows that a SELECT gives of a projection that keeps rows, as `runtime:select` gives them. In
---queries and plain handlers.
---
---```lua
---shop:answer(TopCustomers, function(query, context)
---  return context:select("revenue",
---    "SELECT customer, total FROM {revenue} ORDER BY total DESC LIMIT ?", query.count)
---end)
---```
---@param projection string
---@param statement string
---@param ... string|number|boolean|nil bound to its `?` in order
---@return table<string, any>[]
function Context:select(projection, statement, ...) end

---Dispatches another command from a plain handler and waits until it is durable, in a unit of work
---of its own. What the handler itself publishes is recorded when it returns: if that fails, what it
---dispatched stays, and the error's `outcome` is "unknown".
---
---```lua
---local receipt, err = context:dispatch(ReserveStock { order_id = command.order_id })
---if not receipt then return neap.reject(err.code, err.message) end
---```
---@overload fun(self, name: string, fields?: table, options?: table): neap.Receipt?, neap.Error?
---@param command table what a command's constructor gave
---@param options? neap.NestedDispatchOptions
---@return neap.Receipt?
---@return neap.Error?
function Context:dispatch(command, options) end

---Asks another query, from a plain handler or a query's answer.
---@overload fun(self, name: string, fields?: table, options?: table): any, neap.Error?
---@param query table what a query's constructor gave
---@param options? neap.NestedQueryOptions
---@return any # nil also if that is the answer
---@return neap.Error?
function Context:query(query, options) end

---Puts a command into the store's queue, in a plain handler: with what it publishes, or not at all.
---It is done once, as soon as possible or when it is due.
---
---```lua
---context:send(Remind { order_id = command.order_id }, { after = 3600, name = "remind" })
---```
---@overload fun(self, name: string, fields?: table, options?: neap.ScheduleOptions): string
---@param command table what a command's constructor gave
---@param options? neap.ScheduleOptions
---@return string id the one that the command will have
function Context:send(command, options) end

---Takes what has that name out of the queue, if it is there, with what the handler publishes.
---@param name string
function Context:cancel(name) end

---Waits, in a plain handler or a query's answer; the lane goes on with other messages.
---@param seconds number from 0 to 86,400
---@return true? # nil: the message's time is over
---@return neap.Error?
function Context:sleep(seconds) end

---A function around every command and query of the domain, and every delivery of an event to a
---subscriber or a saga. It gives what `next` gives, or a result
---of its own (of a query), or nil and an error: a table with `code` and `message`, or
---`neap.reject(…)`. A command's receipt stays what `next` gave.
---@alias neap.Middleware
---| fun(message: table, context: neap.MiddlewareContext, next: neap.Next): any, neap.Error?

---Handles the message, and gives a command's receipt when its events are durable, a query's answer,
---or nil and the error. May be called again, and with another message.
---@alias neap.Next fun(message: table, context: neap.MiddlewareContext): any, neap.Error?

---What a middleware may ask for and do while its message is on its way. It is not pure: the time
---and chance are real, and it may wait; its lane goes on with other messages meanwhile.
---@class neap.MiddlewareContext
---@field kind "command" | "query" | "event"
---@field name string of the message that came; of an event its type, as it is stored
---@field subscription? string the subscriber or saga that an event is for
---@field event? neap.Event that event with its envelope; a table of its own each time
---@field failures? integer attempts of a subscriber at the event that have failed
---@field meta table<string, string> what the caller gave; a copy
---@field command_id string
---@field correlation_id string
---@field causation_id? string
---@field idempotency_key? string
---@field services table<string, table>
local MiddlewareContext = {}

---The wall clock.
---@return integer us since 1970, UTC
function MiddlewareContext:now() end

---A clock that never goes back, for measuring.
---@return number seconds since some moment
function MiddlewareContext:clock() end

---@return number from 0 to 1, without 1
function MiddlewareContext:random() end

---Waits.
---
---```lua
---assert(context:sleep(0.1))
---```
---@param seconds number from 0 to 86,400
---@return true? # nil: the message's time is over
---@return neap.Error?
function MiddlewareContext:sleep(seconds) end

---Narrows the message's time until what it gives is closed.
---
---```lua
---local _ <close> = context:timeout(2)
---return next(message, context)
---```
---@param seconds number from 0 to 86,400
---@return userdata # to be closed
function MiddlewareContext:timeout(seconds) end

---@return number? seconds until the message's time is over; nil: it has no end
function MiddlewareContext:remaining() end

---The accepted state of an aggregate's instance, as a copy; nil if there is none.
---@param aggregate string
---@param id string | integer | table by tags: a table of their values
---@return table?
function MiddlewareContext:state(aggregate, id) end
