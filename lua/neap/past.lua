-- A past: what was at one position of a history.

local internal = require "neap.internal"
local check = require "neap.check"
local causes = require "neap.past_causes"
local changes = require "neap.past_changes"
local difference = require "neap.difference"

local native = internal.history

---What was at one position. Nothing happens in it: no event, document or checkpoint of the store is
---changed, no subscriber called, no service made.
---@class neap.Past
---@field package runtime userdata
local Past = {}

---@class neap.Change
---@field path string the field, as in "lines[2].sku"; "" for the whole
---@field old any nil: it was not there
---@field new any nil: it is not there any more

---Where two values differ, field by field, in the order of their names.
---@param old any
---@param new any
---@param path? string in front of the fields' names
---@return neap.Change[]
local function differences(old, new, path)
  local found = difference.of(old, new, path)
  for i, each in ipairs(found) do
    found[i] = { path = each.path, old = each.expected, new = each.actual }
  end
  return found
end

---@return integer
function Past:position()
  return assert(native.position(self.runtime))
end

---Moves on to a later position, which takes no more than the events between.
---@param position? integer without it the last one
---@return true?
---@return neap.Error?
function Past:forward(position)
  return native.forward(self.runtime, position)
end

---An aggregate's state then; with a version: as of that version, which must have been there.
---@param aggregate string
---@param id string | integer | table
---@param version? integer
---@return table?
---@return neap.Error?
function Past:state(aggregate, id, version)
  return self.runtime:state(aggregate, id, version)
end

---A projection's document then.
---@param projection string
---@param key string | integer
---@return table?
---@return neap.Error?
function Past:find(projection, key)
  return self.runtime:find(projection, key)
end

---@param projection string
---@param options? neap.ListOptions
---@return { key: string, document: table }[]?
---@return neap.Error?
function Past:list(projection, options)
  return self.runtime:list(projection, options)
end

---The events that there were, for a `for` loop.
---@param filter? neap.EventFilter
function Past:events(filter)
  return self.runtime:events(filter)
end

---@class neap.FollowFilter
---@field stream? string one stream, as "Order-o-1"; or
---@field category? string all streams whose name begins with it and a "-"
---@field types? string | string[] any of these types
---@field from? integer first wanted: a version if `stream` is given, else a position
---@field limit? integer at most so many
---@field timeout? number seconds, after which nobody waits any more

-- What a history, or that of a past, gets appended behind what the past has.
local function follow(followed, self, filter)
  if filter ~= nil and type(filter) ~= "table" then
    check.misuse("follow needs a table, as in { types = \"OrderShipped\", timeout = 60 }, but "
      .. "got a %s", type(filter))
  end
  local wanted = {}
  for key, value in pairs(filter or {}) do wanted[key] = value end
  if wanted.from == nil then
    local newest = self:position()
    if type(wanted.stream) == "string" then
      local event = self:first { stream = wanted.stream, backward = true, limit = 1 }
      newest = event and event.version or 0
    end
    wanted.from = newest + 1
  end
  return native.follow(followed, wanted)
end

---Moves on with the log, for a `for` loop: waits for the next event, and is at its position when
---the loop has it. It ends with the limit or the timeout; without them when the loop is left.
---
---```lua
---for event in past:follow { stream = "Order-o-1", limit = 1 } do
---  print(event.type, past:state("Order", "o-1").status)
---end
---```
---@param filter? neap.FollowFilter begins behind the past's position, if `from` says nothing else
---@return fun(): neap.StoredEvent?
function Past:follow(filter)
  local next_event, _, _, closing = follow(self.runtime, self, filter)
  local function next_position()
    local event = next_event()
    if event and event.position > self:position() then assert(self:forward(event.position)) end
    return event
  end
  return next_position, nil, nil, closing
end

---The first event that the filter gives; nil: there is none.
---
---```lua
---local newest = past:first { stream = "Order-o-1", backward = true }
---```
---@param filter? neap.EventFilter
---@return neap.StoredEvent?
function Past:first(filter)
  local next_event, _, _, closing = self:events(filter)
  local _ <close> = closing
  return next_event()
end

---The event at a position; nil: it was not there yet.
---@param position integer
---@return neap.StoredEvent?
function Past:event(position)
  return self:first { from = position, to = position }
end

---The streams that there were, in the order in which they began: stream, version, and the positions
---`first` and `last`.
---@param options? { prefix?: string, behind?: string, limit?: integer }
---@return { stream: string, version: integer, first: integer, last: integer }[]?
---@return neap.Error?
function Past:streams(options)
  return native.streams(self.runtime, nil, options)
end

---A saga's instance then, as far as events tell.
---@param name string
---@param key string | integer
---@return neap.Saga?
---@return neap.Error?
function Past:saga(name, key)
  return self.runtime:saga(name, key)
end

---@param name? string
---@param options? table
---@return neap.Saga[]?
---@return neap.Error?
function Past:sagas(name, options)
  return self.runtime:sagas(name, options)
end

---What a query answers then; its answer can only read.
---@param name string
---@param data? table
---@return any
---@return neap.Error?
function Past:query(name, data)
  return self.runtime:query(name, data)
end

---Where the subscriptions are that are folded here; one that has stopped says at which event.
---@return table[]?
---@return neap.Error?
function Past:subscriptions()
  return self.runtime:subscriptions()
end

---What the domain defines: kind, name, file, line and handled_by.
---@return table[]
function Past:definitions()
  return native.definitions(self.runtime)
end

---The command that decided the event at a position: name, id, data, meta, recorded_at,
---correlation_id, causation_id. nil: none did.
---@param position integer
---@return table?
---@return neap.Error?
function Past:command(position)
  return native.command(self.runtime, position)
end

---The nearest event of a type for which the predicate holds.
---@param type? string nil: of any type
---@param predicate? fun(data: table, event: neap.StoredEvent): any
---@param options? { from?: integer, backward?: boolean } where the search begins: at 1, or backward
--- at the end
---@return neap.StoredEvent? event nil: there is none
function Past:search(type, predicate, options)
  options = options or {}
  local filter = { types = type and { type }, backward = options.backward }
  filter[options.backward and "to" or "from"] = options.from
  for event in self.runtime:events(filter) do
    if predicate == nil or predicate(event.data, event) then return event end
  end
end

---@class neap.ChangesOptions
---@field backward? boolean the newest first
---@field from? integer the first version that is wanted; of aggregates by tags, documents and sagas
--- the first position
---@field to? integer the last one
---@field field? string only events that change that field, as in "lines[2].sku"

---Goes through what events did to an aggregate's instance, a projection's document or a saga, one
---after another: the event, the changes, and what it is behind it (of a field: that). Of an
---aggregate without `field` also events that change nothing. Each event is folded once; backward a
---few times.
---
---```lua
---for event, changes in past:changes("Order", "o-1", { backward = true }) do
---  print(event.type, #changes)
---end
---```
---@param name string of an aggregate, a projection or a saga
---@param id string | integer | table as for Past:state(), or a key
---@param options? neap.ChangesOptions
---@return fun(): neap.StoredEvent?, neap.Change[], any
function Past:changes(name, id, options)
  options = options or {}
  local field = options.field
  local next_step, closing = changes.steps(changes.of(self, name, id), {
    field = field, every = field == nil, from = options.from, to = options.to,
    backward = options.backward,
  })
  local function next_change()
    local event, old, now = next_step()
    if not event then return nil end
    if field then return event, differences(old, now, field), now end
    return event, differences(old or {}, now or {}), now
  end
  return next_change, nil, nil, closing
end

---@class neap.Why
---@field event neap.StoredEvent that set the field last
---@field old any
---@field new any
---@field command? table that decided it, as Past:command() gives it
---@field decided_in? string where the function stands that decided it, "shop.lua:17"
---@field folded_in string where the function stands that folded it, "shop.lua:21"; of an event of a
--- former name, where the aggregate, projection or saga is defined
---@field causes table[] the chain that led to it, from the event backwards; each an event or a
--- command: kind, name, id and what is known of it
---@field note? string where not everything could be looked at

---Why a field of a state or a document is what it is: the event that set it last, and what led to
---it.
---@param name string of an aggregate, a projection or a saga
---@param id string | integer | table as for Past:state(), or a key
---@param field string as in "status", or "lines[2].sku"
---@return neap.Why? why nil: no event set it
function Past:why(name, id, field)
  local it = changes.of(self, name, id)
  local next_step, closing = changes.steps(it, { field = field, backward = true })
  local _ <close> = closing
  local event, old, new = next_step()
  if not event then return nil end
  local command = self:command(event.position)
  local chain, note = causes.chain(self, event)
  return {
    event = event, old = old, new = new, command = command,
    decided_in = command and self:handler_of(nil, command.name),
    folded_in = self:handler_of(name, event.type) or self:place_of(it.kind, name),
    causes = chain, note = note,
  }
end

---What one outside message set off, as a tree: its events, the commands that they caused …
---@param position integer of any event of it
---@return table[]? roots each with kind, name, id, event, and `children`
---@return string? note where not everything could be looked at
function Past:trace(position)
  local event = self:event(position)
  if not event then return nil end
  return causes.tree(self, event)
end

---A branch of it, to see what would have happened.
---
---```lua
---local branch <close> = assert(past:branch())
---print(branch:dispatch("ShipOrder", { order = "o-2" }))
---for _, it in ipairs(branch:diff().states) do print(it.stream, it.changes[1].path) end
---```
---@param options? neap.BranchOptions
---@return neap.Branch?
---@return neap.Error?
function Past:branch(options)
  return require "neap.branch".new(self, options)
end

---Where something is defined, "shop.lua:21"; nil: it is not.
---@param kind string
---@param name string
---@return string?
function Past:place_of(kind, name)
  for _, definition in ipairs(self:definitions()) do
    if definition.kind == kind and definition.name == name then
      return string.format("%s:%d", definition.file, definition.line)
    end
  end
end

---Where the function stands that handles a message, "shop.lua:12".
---@param by? string an aggregate, projection, subscriber or saga that handles that event; nil: the
--- one that decides that command, or answers that query
---@param message string
---@return string? place nil: none does
function Past:handler_of(by, message)
  local file, line = native.handler_of(self.runtime, by, message)
  return file and string.format("%s:%d", file, line)
end

---May be called again.
function Past:close()
  self.runtime:close()
end

Past.__name = "neap.Past"
Past.__close = Past.close
Past.__index = function(_, key)
  local method = rawget(Past, key)
  if method == nil then
    local names = check.sorted_keys(Past)
    check.misuse("a past has no '%s'%s", tostring(key), check.did_you_mean(tostring(key), names))
  end
  return method
end

local past = { differences = differences, follow = follow, methods = Past }

---@param runtime userdata
---@return neap.Past
function past.of(runtime)
  return setmetatable({ runtime = runtime }, Past)
end

return past
