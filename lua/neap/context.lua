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
