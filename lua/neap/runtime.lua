---@meta
-- luacheck: ignore 112 212 241
-- The runtime, as core/script/host.c provides it to a host's Lua.

---@class neap.Options
---@field store? string URL: "memory:" (default), "sqlite:PATH", "postgresql://…"
---@field read_only? boolean opens the store for reading; dispatch is an error
---@field subscriptions? string names with commas of the subscriptions that run here, "" for none;
--- without it all of them, and what is due in the queue. The others are left as the store has
--- them. Where several processes may write: those that may run here; each runs in one of them
---@field rebuild? string names with commas of projections that are made anew from now on; what is
--- being made anew already goes on, and is not begun once more: see runtime:rebuild_progress()
---@field record_commands? boolean true: the command that decided is recorded with its events
---@field lanes? integer 1: threads that decide commands, at most 64; 0: no threads, and the
--- domain runs in the caller's own Lua
---@field reaction_lanes? integer 1: threads for plain handlers, queries and middleware, if there
--- are any
---@field caller_runs? boolean true: `dispatch`, `publish` and `state` without a timeout do the
--- work of an idle lane themselves, so that no thread has to be woken
---@field queue_length? integer 10,000 messages waiting per lane
---@field conflict_retries? integer 3
---@field warm_aggregates? integer 100,000 folded states kept per lane
---@field nesting_depth? integer 100: of JSON, of tables, of dispatches in handlers
---@field unit_events? integer 1,000 events one handler may record
---@field unit_bytes? integer 4 MiB of JSON one handler may record
---@field message_bytes? integer 4 MiB of JSON one message may have
---@field lane_memory_bytes? integer 256 MiB of Lua per lane
---@field allocation_bytes? integer 64 MiB for one single request of Lua
---@field handler_instructions? integer 100,000,000
---@field handler_ms? integer 5,000
---@field close_ms? integer 10,000: how long close() goes on with what was accepted
---@field key_retention_ms? integer 7 days: how long an idempotency key is kept
---@field snapshot_bytes? integer 16 MiB: a state that takes more gets no snapshot
---@field config? table<string, any> by service: what its factory gets
---@field live_bytes? integer 8 MiB of what was committed last, in memory for who follows the log
---@field live_events? integer 65,536 events of it
---@field services? table<string, any> by service, instead of the domain's own: the name of a module
--- beside the domain that gives a factory or a table; with lanes 0 also the table or the factory
---@field seed? integer 0: none; else the ids that are made follow from it, and from the clock
---@field clock? fun(): integer with lanes 0: gives the time that is recorded, µs since 1970, UTC;
--- asked at the beginning of each call. What sleeps goes on at once then, when there is nothing
--- else to do
---@field log? "stderr" | neap.Log where the domain's print and the library's warnings go; without
--- it nowhere
---@field log_level? neap.LogLevel "info": what is below is told to nobody;
--- "debug" tells of each message that is answered

---Is told what there is to log when a method of the runtime returns, in the order in which it came.
---What it raises is a warning of Lua's.
---
---```lua
---local runtime <close> = assert(neap.open("shop.lua", { log = function(level, message, fields)
---  print(level, message, fields.command, fields.command_id)
---end }))
---```
---@alias neap.LogLevel "debug" | "info" | "warn" | "error"
---@alias neap.Log fun(level: neap.LogLevel, message: string, fields: neap.LogFields)

---What is known beside a message of the log; more may come.
---@class neap.LogFields
---@field time string RFC 3339
---@field lane? integer from 1
---@field command? string the name of the command that is being handled
---@field query? string
---@field event? string
---@field name? string in the queue, of what is cancelled
---@field aggregate? string
---@field stream? string
---@field command_id? string
---@field correlation_id? string
---@field causation_id? string
---@field trace_id? string of meta.traceparent
---@field status? string "ok", "rejected", "handler" …
---@field code? string the domain's own, of a rejection
---@field duration_us? integer since the message came

---What can go wrong in operation is given behind a nil. `tostring` gives "code: message".
---@class neap.Error
---@field status string what kind of failure: "rejected", "invalid", "conflict" …
---@field code string the same, but for a rejection: the domain's own code
---@field message string
---@field path? string the field, as in "items[2].sku"
---@field details? any what the domain gave with its rejection
---@field traceback? string the domain's own lines
---@field line? integer in the JSON that was given, from 1
---@field column? integer in bytes, from 1
---@field outcome? "unknown" the effect may have become durable, or may yet

---@class neap.DispatchOptions
---@field idempotency_key? string takes effect once while the key is kept; at most 512 bytes
---@field meta? table<string, string> kept with the events
---@field correlation_id? string UUID; without it the command's own id
---@field causation_id? string UUID
---@field timeout? number seconds; without it as long as it takes
---@field fail_when_full? boolean a full queue is "busy" at once, instead of waiting
---@field wait_for? string | string[] projections that shall have caught up when it returns; one
--- that has not within the timeout, or has stopped, makes the receipt's `caught_up` false

---With `after`, `at` or `name` the command is put into the store's queue.
---@class neap.SendOptions: neap.DispatchOptions, neap.ScheduleOptions

---What waits in the queue: a command, or a timeout of its owner.
---@class neap.Timer
---@field due_at integer when it is done, or tried again: µs since 1970, UTC
---@field queued_at integer when it was put there
---@field attempts integer that failed
---@field id string the id that the command will have
---@field correlation_id? string
---@field causation_id? string the command or event that put it there
---@field name? string
---@field command? string none: it is a timeout
---@field owner? string the saga that it is of: "saga/<name>/<key>"
---@field data? table the command's fields
---@field meta? table<string, string>
---@field failure? table `code` and `message` of the last attempt

---@class neap.PublishingOptions: neap.DispatchOptions
---@field stream string whose event it is, as in "Stock-s-1"
---@field expected? integer the stream's version before it; 0: it must not exist
---@field schema? integer it is a fact as an earlier version of the domain recorded it, with this
--- version of its type's schema, from 1: read through upcasters, not checked by today's schema
---@field tags? string[] with `schema`: what it was tagged with, "name:value", sorted bytewise

---@class neap.QueryOptions
---@field timeout? number seconds; without it as long as it takes
---@field after? neap.Receipt | integer all projections have caught up with that, or with that
--- position, before the query is asked

---@alias neap.SagaState
---| "running"
---| "completed"
---| "compensating" it has failed, and what compensates is on its way
---| "failed" and all that compensates took effect
---| "compensation_failed" some of it did not: see `failures`
---| "stopped" one of its functions raised: it waits to be resumed

---@class neap.SagaOptions : neap.ListOptions
---@field status? neap.SagaState

---@class neap.SagaWaiting
---@field due_at string RFC 3339
---@field command? string
---@field name? string of the command
---@field timeout? string its name

---@class neap.SagaCommand
---@field command string
---@field data table

---@class neap.SagaFailure
---@field command string
---@field code string
---@field message string

---A saga as it is now.
---@class neap.SagaStatus
---@field saga string
---@field key string
---@field status neap.SagaState
---@field reason? string why it failed, or has stopped
---@field stopped_by? string what it could not handle
---@field traceback? string
---@field started_at string RFC 3339
---@field updated_at string RFC 3339
---@field ended_at? string RFC 3339
---@field position integer of the last event that it handled
---@field state? table
---@field waiting? neap.SagaWaiting[] what it has in the queue
---@field compensations? neap.SagaCommand[] in the order in which they run if it fails, or did when
--- it has; of a completed one nil
---@field failures? neap.SagaFailure[] commands without effect that nothing in it dealt with
---@field correlation_id string

---What could not be handled: an event of a subscriber, or a command of the queue.
---@class neap.DeadLetter
---@field subscription string "$queue": it is a command
---@field position? integer of the event
---@field stream? string the event's
---@field type? string the event's
---@field event_id? string
---@field id? string the command's
---@field entry? { command: string, data: table, name?: string, queued_at: integer } what waited in
--- the queue
---@field attempts integer 0: it waits behind another one of its stream
---@field failed_at integer µs since 1970, UTC
---@field error? { code: string, message: string, traceback?: string }

---@class neap.ListOptions
---@field prefix? string of the keys
---@field behind? string a key: only what follows it
---@field limit? integer
---@field order? "ascending" | "descending" ascending: the bytewise order of the keys

---@class neap.Receipt
---@field command_id? string none of an event from outside
---@field stream? string of the last event recorded, or of the aggregate that decided
---@field version integer of that stream after the command
---@field position integer of the last event that the decision rests on
---@field events string[] the types of the events, in order; empty: nothing happens
---@field repeated boolean the idempotency key was known: this is the first one's receipt
---@field caught_up? false not all that was waited for has caught up

---@class neap.Event
---@field id string UUID
---@field type string
---@field schema integer version of the type's schema, from 1
---@field stream string
---@field version integer place in its stream, from 1
---@field position integer place in the whole store, from 1
---@field recorded_at integer µs since 1970, UTC
---@field correlation_id string
---@field causation_id? string
---@field command? string the id of the command that decided it
---@field tags? string[] "name:value"
---@field meta table<string, string>
---@field data table

---@class neap.Filter
---@field stream? string one stream; or
---@field category? string all streams whose name begins with it and a '-'
---@field types? string | string[] any of these types, at most 64
---@field from? integer first wanted: a version if `stream` is given, else a position
---@field to? integer last wanted
---@field limit? integer at most so many
---@field backward? boolean newest first; from and to keep their meaning
---@field follow? boolean at the end the loop waits, and goes on with what is committed. With
---lanes 0, where nobody else would work, it does what was sent, goes on with that, and ends
---@field timeout? number with follow: the loop ends once there was nothing for so many seconds

---Figures of a store. Positions and counts of events are as of `events`, which is the last one's.
---@class neap.Stats
---@field taken_at integer µs since 1970, UTC
---@field events integer
---@field tagged_events integer events with tags
---@field data_bytes integer of all events' data, as JSON
---@field streams integer
---@field commands integer that were recorded with their events
---@field keys integer idempotency keys that are kept
---@field snapshots integer
---@field snapshot_bytes integer
---@field collections integer
---@field documents integer what projections and the like keep, in all collections
---@field queued integer commands and timeouts that wait in the queue
---@field dead_commands integer that waited there and failed for good
---@field next_due_at? integer when the first of them is due, or was, µs since 1970, UTC
---@field document_bytes integer
---@field store_bytes integer what the store takes where it lies; 0: it lies in memory
---@field log_bytes integer of that: written ahead, and not yet moved to its place
---@field first_at? integer when the oldest event was recorded, µs since 1970, UTC
---@field last_at? integer when the newest was
---@field last_hour integer events recorded in the hour before taken_at
---@field last_day integer and in the day
---@field per_second number events, between first_at and last_at; 0: there is no time between
---@field types neap.TypeStats[] most events first
---@field categories neap.CategoryStats[] most events first
---@field longest_streams neap.StreamStats[] ten at most
---@field subscriptions neap.SubscriptionStats[] by name
---@field members? neap.MemberStats[] where several processes may write: those that do, by id

---A subscription as the store has it, whether somebody runs it or not; of several partitions the
---one that is furthest behind counts.
---@class neap.SubscriptionStats
---@field name string
---@field kind "projection" | "subscriber" | "saga" | "outbox"
---@field paused boolean
---@field build integer the one that answers
---@field version integer of the definition that made it
---@field partitions integer
---@field position integer
---@field lag integer in positions of the log
---@field documents integer of a projection
---@field dead_letters integer of a subscriber or an outbox
---@field waiting? integer of them: those that wait behind another one
---@field sagas? integer of a saga: those that ever began
---@field stopped_sagas? integer of them: those that wait to be resumed
---@field next_build? integer one that is being made beside it
---@field next_position? integer and how far it is
---@field owner? neap.Member where several processes may write: who runs it; nil: nobody does now

---How a subscription is in this runtime. `frozen`: it is of an earlier version of the domain;
---`elsewhere`: it does not run here, or another process runs it, and is shown as the store has it.
---@alias neap.SubscriptionState
---| "live"
---| "catching up"
---| "paused"
---| "stopped"
---| "frozen"
---| "closed"
---| "elsewhere"

---@class neap.SubscriptionStatus
---@field name string
---@field kind "projection" | "subscriber" | "saga" | "outbox"
---@field state neap.SubscriptionState of the partition that is furthest behind, as the next two
---@field position integer up to here it has handled everything durably
---@field lag integer in positions of the log
---@field version integer
---@field build integer
---@field partitions? neap.PartitionStatus[]
---@field next? neap.SubscriptionStatus a build that is made beside it
---@field stopped_sagas? integer how many of a saga wait to be resumed
---@field owner? neap.Member where several processes may write: who runs it; nil: nobody does now

---A process that writes to a store that several may write to.
---@class neap.Member
---@field member string its id
---@field host string
---@field pid integer

---The same, as figures of the store show it.
---@class neap.MemberStats: neap.Member
---@field seen_at? integer when it showed last that it lives, by its own clock, µs since 1970, UTC
---@field owned integer subscriptions that it runs
---@field queue boolean it also runs what is in the queue of no saga

---@class neap.PartitionStatus
---@field state neap.SubscriptionState
---@field position integer
---@field checkpoint integer
---@field lag integer
---@field handled integer events, in this runtime
---@field units integer that were committed, in this runtime
---@field failing? integer attempts of a subscriber's or an outbox's next event that have failed: it
--- is tried again
---@field stopped_at? integer the position of an event that it cannot handle
---@field error? string why it has stopped, or the last attempt has failed
---@field traceback? string

---One version of a type's schema.
---@class neap.TypeStats
---@field type string
---@field schema integer
---@field events integer
---@field first integer position
---@field last integer position
---@field data_bytes integer

---@class neap.CategoryStats
---@field category string
---@field streams integer
---@field events integer

---@class neap.StreamStats
---@field stream string
---@field events integer
---@field last integer position

---What a domain makes of all events of its store.
---@class neap.StoreCheck
---@field events integer all, as of this position
---@field current integer are as the domain would record them today
---@field upcast integer go through upcasters, or had another name
---@field retired integer are passed over: their type is retired, or an upcaster drops them
---@field refused integer are read, but today's schema would refuse them
---@field unreadable integer cannot be read
---@field findings neap.StoreFinding[] what cannot be read first
---@field kept neap.KeptFinding[] what breaks first
---@field kept_broken integer the sum of their counts that break something

---What is wrong, or will be, with what the store keeps beside its events: subscriptions, sagas,
---commands in the queue, dead letters.
---@class neap.KeptFinding
---@field breaks boolean something cannot go on; else it is as well to know
---@field count integer of what is in the same way wrong
---@field where string "queue, command 'Remind'"
---@field what string
---@field advice string

---Stored events of one type and schema version that are not read as they should be.
---@class neap.StoreFinding
---@field type string
---@field schema integer
---@field reading neap.Reading
---@field readable boolean they are read all the same: `reading` is "refused"
---@field events integer
---@field first integer position
---@field last integer position
---@field message string of the first one: what is wrong, what was expected

---"refused": it is read, but today's schema would refuse it. "unknown": the domain has no such
---event. "newer", "older": the domain does not read that schema version. "failed": an upcaster
---raised an error, or gave what is no event. "damaged": its data is no JSON.
---@alias neap.Reading "refused" | "unknown" | "newer" | "older" | "failed" | "damaged"

---An open domain on an open store. Its methods wait; other threads of the process go on.
---
---```lua
---local runtime <close> = assert(neap.open("shop.lua", { store = "sqlite:shop.db" }))
---local receipt = assert(runtime:dispatch("PlaceOrder", { order_id = "o-1", total = 4200 }))
---```
---@class neap.Runtime
local Runtime = {}

---Opens a domain on a store.
---
---With `lanes = 0` there are no threads: each call does the work itself before it returns. The
---domain runs in the caller's own Lua then, without limits and among the caller's globals, and may
---be given as an object. The results are the same. A handler that calls the runtime gets `usage`.
---
---```lua
---local runtime <close> = assert(neap.open("shop.lua", { lanes = 0 }))
---```
---@param domain string | neap.Domain the path of its file; with `lanes = 0` also the domain itself
---@param options? neap.Options
---@return neap.Runtime?
---@return neap.Error?
function neap.open(domain, options) end

---Which events of a store are exported. With any field it is a part of the store: they alone.
---@class neap.ExportFilter
---@field stream? string one stream; or
---@field category? string all streams whose name begins with it and a '-'
---@field types? string | string[] any of these types, at most 64
---@field from? integer first wanted: a version if `stream` is given, else a position
---@field to? integer last wanted

---@class neap.ImportOptions
---@field renumber? boolean events get positions and versions without a hole, whatever they had: for
--- a part of a store

---@class neap.Imported
---@field appended integer events that were appended
---@field there integer events that were there before

---A store as JSON lines, as `neap export` prints them, for a `for` loop; what goes wrong is raised.
---
---```lua
---for line in neap.export "sqlite:shop.db" do file:write(line, "\n") end
---```
---@param url string of the store
---@param filter? neap.ExportFilter
---@return fun(): string? the next line; nil: there is none
function neap.export(url, filter) end

---Makes a store of the lines of an export, or goes on with one that has the first of its events.
---It takes effect whole or not at all: until it is complete nothing else can open the store
---("unavailable"), and the next import of the same goes on where it stopped.
---
---```lua
---assert(neap.import("sqlite:copy.db", neap.export "sqlite:shop.db"))
---assert(neap.import("sqlite:copy.db", io.lines "shop.jsonl"))
---```
---@param url string of the store; it is made if there is none
---@param lines string | fun(): string? all of them, or one after another
---@param options? neap.ImportOptions
---@return neap.Imported?
---@return neap.Error? "invalid" with the line, "conflict": the store has something else, "busy" …
function neap.import(url, lines, options) end

---Whether two stores have the same events, and the same of what does not follow from them.
---
---```lua
---local same, difference = neap.compare("sqlite:shop.db", "sqlite:copy.db")
---```
---@param url string
---@param other string
---@return boolean? same nil: a store could not be read
---@return string | neap.Error | nil difference the first one
function neap.compare(url, other) end

---Decides a command and waits until its events are durable.
---@param name string
---@param data? table | string the command's fields, or JSON
---@param options? neap.DispatchOptions
---@return neap.Receipt?
---@return neap.Error?
function Runtime:dispatch(name, data, options) end

---Hands a command over and does not wait for it.
---
---With `after`, `at` or `name` it is put into the store's queue, and done once when it is due, also
---if the process dies before. What `wait()` gives tells then that it is durable: the receipt's
---`command_id` is the one that the command will have.
---
---```lua
---assert(runtime:send("Remind", { order_id = "o-1" }, { after = 3600, name = "remind/o-1" }))
---```
---@param name string
---@param data? table | string
---@param options? neap.SendOptions
---@return neap.Pending?
---@return neap.Error?
function Runtime:send(name, data, options) end

---Takes what has that name out of the queue, and waits until that is durable.
---@param name string
---@return boolean? cancelled false: there is nothing of that name, or it has taken effect
---@return neap.Error?
function Runtime:cancel(name) end

---All that waits in the queue, by when it was due at first; what goes wrong on the way is raised.
---
---```lua
---for timer in runtime:timers() do print(timer.due_at, timer.name, timer.command) end
---```
---@return fun(): neap.Timer?
function Runtime:timers() end

---Records an event from outside, a fact that no command decided, and waits until it is durable;
---then it is handled as any other.
---
---```lua
---assert(runtime:publish("StockCounted", { sku = "s-1", count = 7 }, { stream = "Stock-s-1" }))
---```
---@param type string with `schema` also a former name, or a retired one
---@param data? table | string the event's fields, or JSON
---@param options neap.PublishingOptions
---@return neap.Receipt?
---@return neap.Error? err `conflict` if the stream is not at the version expected
function Runtime:publish(type, data, options) end

---Dispatches the messages of a durable consumer of NATS JetStream as commands, from now on. Each
---takes effect once, however often it comes, and is acknowledged when that is durable. The runtime
---needs lanes.
---
---```lua
---local consumer = assert(runtime:consume("nats://localhost:4222?stream=SHOP&consumer=ledger", {
---  commands = { OrderPlaced = "RecordSale" },
---}))
---```
---@param from string URL
---@param options? neap.ConsumeOptions
---@return neap.Consumer?
---@return neap.Error?
function Runtime:consume(from, options) end

---Asks a query. An answer of nil is given as `neap.null`.
---@param name string
---@param data? table | string
---@param options? neap.QueryOptions
---@return any
---@return neap.Error?
function Runtime:query(name, data, options) end

---An aggregate's folded state, as of now or of a version (by tags: of a position).
---@param aggregate string
---@param id string | integer | table by tags: a table of their values
---@param version? integer
---@return table?
---@return neap.Error?
function Runtime:state(aggregate, id, version) end

---The log, for a `for` loop; what goes wrong on the way is raised.
---
---```lua
---for event in runtime:events { stream = "Order-o-1" } do print(event.version, event.type) end
---for event in runtime:events { types = "OrderShipped", follow = true } do notify(event.data) end
---```
---@param filter? neap.Filter
---@return fun(): neap.Event? the next; nil: there is none. One that follows may be asked again
function Runtime:events(filter) end

---The runtime's store as JSON lines, as it is now, for a `for` loop: see `neap.export`.
---
---```lua
---assert(neap.import("sqlite:copy.db", runtime:export()))
---```
---@param filter? neap.ExportFilter
---@return fun(): string? the next line; nil: there is none
function Runtime:export(filter) end

---Figures of the store. It goes over all events: about a second for a million.
---
---```lua
---local stats = assert(runtime:stats())
---print(stats.events .. " events in " .. stats.streams .. " streams")
---```
---@return neap.Stats?
---@return neap.Error?
function Runtime:stats() end

---What the runtime did since it was opened: messages by name and outcome, how long they took, its
---lanes, its writer, its calls of the store. With "prometheus" as text for Prometheus.
---
---```lua
---local metrics = assert(runtime:metrics())
---print(metrics.commands.PlaceOrder.latency.p99_us .. " µs")
---```
---@param form? "prometheus"
---@return neap.RuntimeMetrics | string | nil
---@return neap.Error?
function Runtime:metrics(form) end

---Reads all events of the store and finds out which of them the domain cannot read, and what of
---its subscriptions, sagas, queue and dead letters it cannot go on with. Only upcasters run, and
---the functions that schemas have for fields: no handlers, no folds.
---
---```lua
---local check = assert(runtime:check_store())
---for _, finding in ipairs(check.findings) do print(finding.type, finding.message) end
---```
---@return neap.StoreCheck?
---@return neap.Error?
function Runtime:check_store() end

---A document of a projection as it is stored now; nil: there is none.
---
---```lua
---local order = runtime:find("orders", "o-1")
---```
---@param projection string
---@param key string | integer
---@return any
---@return neap.Error?
function Runtime:find(projection, key) end

---The rows that a SELECT gives of a projection that keeps rows: a table for each, by the names of
---its columns; what is NULL is not there. The statement reads the live tables of that projection,
---which it calls `{name}`, and nothing else.
---
---```lua
---for _, row in ipairs(assert(runtime:select("revenue",
---  "SELECT customer, total FROM {revenue} WHERE total >= ? ORDER BY total DESC", 1000))) do
---  print(row.customer, row.total)
---end
---```
---@param projection string
---@param statement string one SELECT, or WITH; rows of at most 4 MiB
---@param ... string|number|boolean|nil bound to its `?` in order, at most 200
---@return table<string, any>[]?
---@return neap.Error?
function Runtime:select(projection, statement, ...) end

---The documents of a projection, in the bytewise order of their keys.
---
---```lua
---for _, it in ipairs(assert(runtime:list("orders", { prefix = "o-", limit = 10 }))) do
---  print(it.key, it.document.status)
---end
---```
---@param projection string
---@param options? neap.ListOptions
---@return { key: string, document: any }[]?
---@return neap.Error?
function Runtime:list(projection, options) end

---One saga, also one that has ended. nil: it has not begun.
---
---```lua
---local saga = assert(runtime:saga("fulfilment", "o-1"))
---print(saga.status, saga.reason)
---```
---@param name string
---@param key string | integer
---@return neap.SagaStatus?
---@return neap.Error?
function Runtime:saga(name, key) end

---Sagas in the bytewise order of their names and keys, also those that have ended.
---
---```lua
---for _, saga in ipairs(assert(runtime:sagas("fulfilment", { status = "running" }))) do
---  print(saga.key, saga.updated_at)
---end
---```
---@param name? string nil: all
---@param options? neap.SagaOptions
---@return neap.SagaStatus[]?
---@return neap.Error?
function Runtime:sagas(name, options) end

---Where the subscriptions are, in the order in which the domain defines them.
---
---```lua
---for _, it in ipairs(assert(runtime:subscriptions())) do print(it.name, it.state, it.lag) end
---```
---@return neap.SubscriptionStatus[]?
---@return neap.Error?
function Runtime:subscriptions() end

---Waits until a subscription (nil: every one) has durably handled all events up to the position
---(nil: the last one now).
---@param name? string
---@param position? integer
---@param timeout? number seconds
---@return true?
---@return neap.Error?
function Runtime:catch_up(name, position, timeout) end

---Makes a projection's documents anew, from the beginning of the log, beside those that it has,
---which go on being kept and answering; then takes the new ones in one step.
---@param projection string
---@param timeout? number seconds; it goes on without being waited for
---@return true?
---@return neap.Error?
function Runtime:rebuild(projection, timeout) end

---The same without waiting: returns once it is durable that the documents are made anew.
---@param projection string
---@return true?
---@return neap.Error?
function Runtime:rebuild_begin(projection) end

---How far new documents are. Positions are those of the log.
---@class neap.Progress
---@field done boolean none are being made
---@field build integer the number of those that are being made, or were made last
---@field since integer where this runtime took it up
---@field position integer up to here it is durable
---@field head integer the last one in the store
---@field handled integer events that this runtime has handled for them
---@field elapsed number seconds since it took it up

---Waits until a rebuild is done, but not longer than the timeout, and says how far it is.
---
---```lua
---assert(runtime:rebuild_begin "orders")
---repeat
---  local progress = assert(runtime:rebuild_progress("orders", 0.5))
---  print(progress.position, progress.head)
---until progress.done
---```
---@param projection string
---@param timeout? number seconds; without it it does not wait
---@return neap.Progress?
---@return neap.Error?
function Runtime:rebuild_progress(projection, timeout) end

---What could not be handled: events of a subscriber or an outbox, with later ones of the same
---streams that wait behind them, and commands of the queue ("$queue"); nil: all of both.
---@param subscription? string
---@return neap.DeadLetter[]?
---@return neap.Error?
function Runtime:dead_letters(subscription) end

---Tries events again, in the order of the log, each once; of a stream only up to the first that
---fails again. nil: of all subscribers that run here, and puts the queue's back there.
---@param subscriber? string
---@param position? integer only those of the stream that the dead letter there is of
---@return true?
---@return neap.Error?
function Runtime:retry_dead_letters(subscriber, position) end

---The event at the position is not to be handled by the subscriber; what waits behind it is tried
---again.
---@param subscriber string
---@param position integer
---@return true?
---@return neap.Error?
function Runtime:drop_dead_letter(subscriber, position) end

---None of those that a subscriber has now is to be handled, what waits behind others included. nil:
---of all subscribers that run here, and the queue's.
---@param subscriber? string
---@return true?
---@return neap.Error?
function Runtime:drop_dead_letters(subscriber) end

---Puts dead letters of the queue back into the places that they had there, with all attempts
---before them. nil: all, but for those whose name another command has in the queue by now.
---
---```lua
---for _, letter in ipairs(assert(runtime:dead_letters "$queue")) do
---  if letter.error.code == "handler" then assert(runtime:retry_dead_commands(letter.id)) end
---end
---```
---@param id? string the command's
---@return integer? count how many
---@return neap.Error?
function Runtime:retry_dead_commands(id) end

---They are not to be dispatched.
---@param id? string the command's; nil: all
---@return integer? count how many
---@return neap.Error?
function Runtime:drop_dead_commands(id) end

---A subscription that is paused handles nothing until it is resumed, also when the store is opened
---again meanwhile.
---@param subscription string
---@return true?
---@return neap.Error?
function Runtime:pause(subscription) end

---Puts a subscriber or an outbox to another place in the log: the events behind it are handled,
---also those that were handled before. This is the asking by name without which a replay reaches no
---subscriber. Dead letters behind that place go. It goes on if it has stopped, but not if it is
---paused.
---
---```lua
---assert(runtime:reset("mailer", { to = "beginning" }))
---```
---@param subscription string
---@param options { to: "beginning" | "now" | integer } a position: so far all counts as handled
---@return true?
---@return neap.Error?
function Runtime:reset(subscription, options) end

---Goes on with a subscription that is paused, and tries again what has stopped.
---@param subscription string
---@return true?
---@return neap.Error?
function Runtime:resume(subscription) end

---Waits until everything accepted before the call has been answered, what is due in the queue is
---done, and every subscription has caught up with it, and with what came of that.
---@param timeout? number seconds
---@return true?
---@return neap.Error?
function Runtime:drain(timeout) end

---Accepts nothing more, goes on with what was accepted, and closes. May be called again.
function Runtime:close() end

---A command under way.
---@class neap.Pending
local Pending = {}

---Waits for the outcome; may be called again.
---@param timeout? number seconds
---@return neap.Receipt?
---@return neap.Error?
function Pending:wait(timeout) end

---Whether wait() would return at once.
---@return boolean
function Pending:done() end
