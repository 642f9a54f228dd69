---@meta
-- luacheck: ignore 112 212 241
-- The runtime, as core/script/host.c provides it to a host's Lua.

---@class neap.Options
---@field store? string URL: "memory:" (default), "sqlite:PATH"
---@field read_only? boolean opens the store for reading; dispatch is an error
---@field record_commands? boolean true: the command that decided is recorded with its events
---@field lanes? integer 1; 0: no threads, and the domain runs in the caller's own Lua
---@field queue_length? integer 10,000 messages waiting per lane
---@field conflict_retries? integer 3
---@field warm_aggregates? integer 100,000 folded states kept per lane
---@field nesting_depth? integer 100: of JSON, of tables
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
---@field services? table<string, any> by service, instead of the domain's own: the name of a module
--- beside the domain that gives a factory or a table; with lanes 0 also the table or the factory
---@field seed? integer 0: none; else the ids that are made follow from it, and from the clock
---@field clock? fun(): integer with lanes 0: gives the time that is recorded, µs since 1970, UTC;
--- asked at the beginning of each call
---@field log? "stderr" where the domain's print and the library's warnings go; without it nowhere

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

---@class neap.PublishingOptions: neap.DispatchOptions
---@field stream string whose event it is, as in "Stock-s-1"
---@field expected? integer the stream's version before it; 0: it must not exist
---@field schema? integer it is a fact as an earlier version of the domain recorded it, with this
--- version of its type's schema, from 1: read through upcasters, not checked by today's schema
---@field tags? string[] with `schema`: what it was tagged with, "name:value", sorted bytewise

---@class neap.QueryOptions
---@field timeout? number seconds; without it as long as it takes
---@field after? neap.Receipt the answer has caught up with that

---@class neap.Receipt
---@field command_id? string none of an event from outside
---@field stream? string of the last event recorded, or of the aggregate that decided
---@field version integer of that stream after the command
---@field position integer of the last event that the decision rests on
---@field events string[] the types of the events, in order; empty: nothing happens
---@field repeated boolean the idempotency key was known: this is the first one's receipt

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

---Decides a command and waits until its events are durable.
---@param name string
---@param data? table | string the command's fields, or JSON
---@param options? neap.DispatchOptions
---@return neap.Receipt?
---@return neap.Error?
function Runtime:dispatch(name, data, options) end

---Queues a command and does not wait for it.
---@param name string
---@param data? table | string
---@param options? neap.DispatchOptions
---@return neap.Pending?
---@return neap.Error?
function Runtime:send(name, data, options) end

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
---```
---@param filter? neap.Filter
---@return fun(): neap.Event?
function Runtime:events(filter) end

---Figures of the store. It goes over all events: about a second for a million.
---
---```lua
---local stats = assert(runtime:stats())
---print(stats.events .. " events in " .. stats.streams .. " streams")
---```
---@return neap.Stats?
---@return neap.Error?
function Runtime:stats() end

---Reads all events of the store and finds out which of them the domain cannot read. Only upcasters
---run, and the functions that schemas have for fields: no handlers, no folds.
---
---```lua
---local check = assert(runtime:check_store())
---for _, finding in ipairs(check.findings) do print(finding.type, finding.message) end
---```
---@return neap.StoreCheck?
---@return neap.Error?
function Runtime:check_store() end

---Waits until everything accepted before the call has been answered.
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
