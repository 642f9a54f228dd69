-- A past: what was at one position of a history.

local internal = require "neap.internal"
local check = require "neap.check"
local causes = require "neap.past_causes"
local sorted = require "neap.sorted"

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

local function below(path, key)
  if math.type(key) == "integer" then
    return string.format("%s[%d]", path, key)
  end
  return path == "" and tostring(key) or path .. "." .. tostring(key)
end

local function is_table(value)
  return type(value) == "table"
end

local function compare(old, new, path, found)
  if is_table(old) and is_table(new) then
    local keys = {}
    for key in pairs(old) do keys[key] = true end
    for key in pairs(new) do keys[key] = true end
    for key in sorted(keys) do
      compare(old[key], new[key], below(path, key), found)
    end
  elseif old ~= new or math.type(old) ~= math.type(new) then
    found[#found + 1] = { path = path, old = old, new = new }
  end
  return found
end

---Where two values differ, field by field, in the order of their names.
---@param old any
---@param new any
---@return neap.Change[]
local function differences(old, new)
  return compare(old, new, "", {})
end

---The field of a value, as in "lines[2].sku".
local function field_of(value, path)
  for key in string.gmatch(path, "[^%.%[%]]+") do
    if not is_table(value) then return nil end
    local index = math.tointeger(key)
    if value[key] ~= nil or index == nil then
      value = value[key]
    else
      value = value[index]
    end
  end
  return value
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

---Goes through what an instance's events did to its state, one version after another: the event,
---the changes, and the state behind it.
---@param aggregate string by key
---@param id string | integer
---@param options? { backward?: boolean, from?: integer, to?: integer } backward: the newest first;
--- from, to: the versions that are wanted
---@return fun(): neap.StoredEvent?, neap.Change[], table
function Past:changes(aggregate, id, options)
  options = options or {}
  local stream = aggregate .. "-" .. tostring(id)
  local behind = {} -- states by version, for as long as the next step needs them
  local function state_at(version)
    if behind[version] == nil then
      behind[version] = version > 0 and assert(self:state(aggregate, id, version)) or false
    end
    return behind[version] or nil
  end
  local next_event, _, _, closing = self.runtime:events {
    stream = stream, backward = options.backward, from = options.from, to = options.to,
  }
  local function next_change()
    local event = next_event()
    if not event then return nil end
    local version = event.version
    local old, new = state_at(version - 1), state_at(version)
    behind[options.backward and version or version - 1] = nil
    return event, differences(old or {}, new), new
  end
  return next_change, nil, nil, closing
end

---Whether one of the changes is of the field, of what is in it, or of what it is in.
---@param changes neap.Change[]
---@param field string
local function touches(changes, field)
  for _, change in ipairs(changes) do
    local path = change.path
    local longer, shorter = path, field
    if #path < #field then longer, shorter = field, path end
    local behind = string.sub(longer, #shorter + 1, #shorter + 1)
    if string.sub(longer, 1, #shorter) == shorter and (behind == "" or behind == "." or
        behind == "[") then
      return true
    end
  end
  return false
end

---@class neap.Why
---@field event neap.StoredEvent that set the field last
---@field old any
---@field new any
---@field command? table that decided it, as Past:command() gives it
---@field folded_in string where the aggregate is defined, "shop.lua:21"
---@field causes table[] the chain that led to it, from the event backwards; each an event or a
--- command: kind, name, id and what is known of it

---Why a field of an instance's state is what it is: the event that set it last, and what led to it.
---@param aggregate string by key
---@param id string | integer
---@param field string as in "status", or "lines[2].sku"
---@return neap.Why? why nil: no event set it
function Past:why(aggregate, id, field)
  for event, changes, new in self:changes(aggregate, id, { backward = true }) do
    if touches(changes, field) then
      local before = event.version > 1 and self:state(aggregate, id, event.version - 1) or {}
      return {
        event = event,
        old = field_of(before, field),
        new = field_of(new, field),
        command = self:command(event.position),
        folded_in = self:place_of("aggregate", aggregate),
        causes = causes.chain(self, event),
      }
    end
  end
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

local past = {
  differences = differences, touches = touches, follow = follow, methods = Past,
}

---@param runtime userdata
---@return neap.Past
function past.of(runtime)
  return setmetatable({ runtime = runtime }, Past)
end

return past
