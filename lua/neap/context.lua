---@meta
-- luacheck: ignore 112 212 241
-- What handlers get as `context`, as core/script/context.c provides it.

---@class neap.PublishOptions
---@field stream string
---@field expected? integer the stream's version before the event; 0: it must not exist

---What a handler may ask for and do while it runs; afterwards it is an error to use it.
---@class neap.Context
---@field meta table<string, string> what the caller gave; a copy
---@field command_id string of the message that is handled
---@field correlation_id string
---@field causation_id? string
---@field services table<string, table> what the domain declared with `domain:service`; not in
--- aggregates' commands
---@field event? neap.Event the event that is handled; none in commands and queries
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
---plain handlers.
---@param aggregate string
---@param id string | integer | table by tags: a table of their values
---@return table?
function Context:state(aggregate, id) end

---A function around every command and query of the domain. It gives what `next` gives, or a result
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
---@field kind "command" | "query"
---@field name string of the message that came
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
