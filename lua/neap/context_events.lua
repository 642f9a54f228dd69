---@meta
-- luacheck: ignore 112 212 241
-- What those who handle events get as `context`, as core/script/context_pure.c,
-- context_subscriber.c and context_saga.c provide it.

---What the fold of a projection, and the function of its key, may ask for. It reaches nothing
---outside.
---@class neap.ProjectionContext
---@field event neap.Event the event with its envelope; a table of its own each time
local ProjectionContext = {}

---When the event was recorded: the same whenever it is folded.
---@return integer us since 1970, UTC
function ProjectionContext:now() end

---A new id, derived from the event's and the projection's name: the same whenever it is folded.
---@return string uuid
function ProjectionContext:id() end

---What a subscriber may ask for and do while it handles an event.
---@class neap.SubscriberContext
---@field event neap.Event the event with its envelope
---@field services table<string, table> what the domain declared with `domain:service`
---@field meta table<string, string> what the caller gave with the command; a copy
---@field correlation_id string
local SubscriberContext = {}

---When the event was recorded: the same at each delivery.
---@return integer us since 1970, UTC
function SubscriberContext:now() end

---A new id, derived from the event's and the subscriber's name: the same at each delivery.
---@return string uuid
function SubscriberContext:id() end

---Queues a command, durably, when the handler has returned. Its id is the same at each delivery, so
---that it takes effect once.
---
---```lua
---context:send(RemindCustomer { order_id = event.order_id }, { after = 3600, name = "reminder" })
---```
---@overload fun(self, name: string, fields?: table, options?: neap.ScheduleOptions): string
---@param command table what a command's constructor gave
---@param options? neap.ScheduleOptions
---@return string id the command's
function SubscriberContext:send(command, options) end

---Takes back what was sent under that name and has not begun.
---@param name string
function SubscriberContext:cancel(name) end

---The accepted state of an aggregate's instance, as a copy; nil if there is none.
---@param aggregate string
---@param id string | integer | table by tags: a table of their values
---@return table?
function SubscriberContext:state(aggregate, id) end

---A document of a projection as it is stored now; nil: there is none. The projection may not have
---come to this event yet.
---@param projection string
---@param key string | integer
---@return any
function SubscriberContext:find(projection, key) end

---The documents of a projection, in the bytewise order of their keys.
---@param projection string
---@param options? neap.ListOptions
---@return { key: string, document: any }[]
function SubscriberContext:list(projection, options) end

---@param projection string
---@param statement string
---@param ... string|number|boolean|nil bound to its `?` in order
---@return table<string, any>[]
function SubscriberContext:select(projection, statement, ...) end

---Waits; other events wait behind this one, in its partition.
---@param seconds number from 0 to 86,400
---@return true? # nil: the time is over
---@return neap.Error?
function SubscriberContext:sleep(seconds) end

---Asks a query.
---@overload fun(self, name: string, fields?: table, options?: table): any, neap.Error?
---@param query table what a query's constructor gave
---@param options? neap.NestedQueryOptions
---@return any # nil also if that is the answer
---@return neap.Error?
function SubscriberContext:query(query, options) end

---Dispatches a command and waits until it is durable. If the event is delivered again, so is the
---command: give it an idempotency key, or send it instead.
---@overload fun(self, name: string, fields?: table, options?: table): neap.Receipt?, neap.Error?
---@param command table what a command's constructor gave
---@param options? neap.NestedDispatchOptions
---@return neap.Receipt?
---@return neap.Error?
function SubscriberContext:dispatch(command, options) end

---When a command that is sent is to be done. It is put into the store's queue, where it waits.
---Without `after` and `at`: at once.
---@class neap.ScheduleOptions
---@field after? number seconds from now on; in a saga from `context:now()` on
---@field at? integer us since 1970, UTC
---@field name? string what is sent under the same name again takes its place

---What a saga's functions may ask for, and what they want done: that is durable together with the
---saga's state.
---@class neap.SagaContext
---@field key string the saga's
---@field correlation_id string
---@field event? neap.Event the event with its envelope; none in timeouts and rejections
local SagaContext = {}

---When the event was recorded, or the timeout was due: the same whenever it is repeated.
---@return integer us since 1970, UTC
function SagaContext:now() end

---A new id, the same whenever the same is handled again.
---@return string uuid
function SagaContext:id() end

---Queues a command. A saga's commands are done in their order; one that is refused comes back to
---the saga's `rejections`.
---
---```lua
---context:send(ReserveStock { order_id = event.order_id })
---```
---@overload fun(self, name: string, fields?: table, options?: neap.ScheduleOptions): string
---@param command table what a command's constructor gave
---@param options? neap.ScheduleOptions
---@return string id the command's
function SagaContext:send(command, options) end

---Has the function of that name in `timeouts` called when the time is over, also after a restart.
---The same name again begins anew.
---@param name string
---@param seconds number counted from `context:now()`
function SagaContext:timeout(name, seconds) end

---Takes back a timeout, or a command that was sent under that name.
---@param name string
function SagaContext:cancel(name) end

---Notes what makes up for what was done: if the saga fails, such commands are sent in reverse
---order.
---@overload fun(self, name: string, fields?: table)
---@param command table what a command's constructor gave
function SagaContext:compensate(command) end

---The saga is done: nothing comes to it any more.
function SagaContext:complete() end

---The saga has failed: what compensates is sent.
---@param message string why, at most 1,023 bytes
function SagaContext:fail(message) end
