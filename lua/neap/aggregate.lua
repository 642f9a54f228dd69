-- Aggregates: a state folded from one stream, which decides commands.

local check = require "neap.check"

---When the state is kept, so that a long stream is not folded from its beginning: at least one of
---`every` and `after`; with both, whichever comes first. It is made behind the answers, and only
---when events came since the last one. One that another version of the domain made is not used.
---
---```lua
---snapshot = { every = 100, after = 60 * 60 }
---```
---@class neap.Snapshot
---@field every? integer after so many events since the last one
---@field after? number seconds: at the first event after the last one is so old
---@field keep? integer 2: how many stay of each stream; older ones make `neap state --at` shorter
---@field version? string | integer whose fold it is; else: of the domain's files as they are

---An aggregate has a key or tags. By key it is folded from one stream. By tags it is folded from
---all events that carry one of the tags' values, in whatever stream, and what it decides is
---refused if another such event was recorded meanwhile; then it is decided again.
---
---```lua
---tags = { "course", "student" }
---```
---@class neap.Aggregate
---@field key? string the commands' field that names the instance
---@field tags? string[] the commands' fields that name the instance, which events have as tags; the
--- first one names the stream that it records in, and is required in each command
---@field initial? table | fun(id: string | integer | table): table before the first event; copied;
--- by tags it gets a table of their values
---@field commands table<string, neap.Decide>
---@field events table<string, neap.Fold>
---@field snapshot? neap.Snapshot

---Decides a command. The state is read-only. Gives nothing, one event, several events as several
---results, or a rejection.
---@alias neap.Decide fun(state: table, command: table, context: neap.Context): ...

---Changes the state by an event; a table that it gives replaces the state. In an aggregate by tags
---`about` has those tags of the instance, with their values, that the event carries.
---@alias neap.Fold fun(state: table, event: table, about?: table): table?

local aggregate = {}

local known = {
  key = "?string",
  tags = "?table",
  initial = "?table function",
  commands = "table",
  events = "table",
  snapshot = "?table",
}

---@param handlers table
---@param what string
---@param kind "command" | "event"
local function check_handlers(handlers, what, kind)
  for _, name in ipairs(check.sorted_keys(handlers)) do
    if type(name) ~= "string" then
      check.misuse("%s: '%ss' must name each %s by a text", what, kind, kind)
    elseif type(handlers[name]) ~= "function" then
      check.misuse("%s: what handles the %s '%s' must be a function, but is a %s", what, kind, name,
        type(handlers[name]))
    end
  end
end

---@param count any
---@param most integer
---@param what string
---@param key string
local function check_count(count, most, what, key)
  if count ~= nil and (math.type(count) ~= "integer" or count < 1 or count > most) then
    check.misuse("%s: 'snapshot.%s' must be an integer from 1%s", what, key,
      most < 0x7FFFFFFF and " to " .. most or "")
  end
end

---@param snapshot neap.Snapshot
---@param what string
local function check_snapshot(snapshot, what)
  check.keys(snapshot, {
    every = "?number",
    after = "?number",
    keep = "?number",
    version = "?string number",
  }, what .. ": 'snapshot'")
  local every, after, version = snapshot.every, snapshot.after, snapshot.version
  if every == nil and after == nil then
    check.misuse("%s: 'snapshot' needs 'every' (events) or 'after' (seconds)", what)
  end
  check_count(every, 0x7FFFFFFF, what, "every")
  check_count(snapshot.keep, 1000, what, "keep")
  if after ~= nil and not (after > 0 and after <= 1e9) then
    check.misuse("%s: 'snapshot.after' must be a number of seconds above 0", what)
  end
  if version ~= nil and type(version) ~= "string" and math.type(version) ~= "integer" then
    check.misuse("%s: 'snapshot.version' must be a text or an integer", what)
  end
  if version == "" then
    check.misuse("%s: 'snapshot.version' must not be empty", what)
  end
end

---@param given? neap.Snapshot
---@return table
local function snapshot_of(given)
  local snapshot = given or {}
  return {
    every = snapshot.every,
    after = snapshot.after,
    keep = snapshot.keep or 2,
    version = snapshot.version,
  }
end

local most_tags = 16

---@param tags string[]
---@param what string
local function check_tags(tags, what)
  if #tags == 0 or #check.sorted_keys(tags) ~= #tags then
    check.misuse("%s: 'tags' must be a list of field names", what)
  end
  if #tags > most_tags then
    check.misuse("%s has %d tags; at most %d are allowed", what, #tags, most_tags)
  end
  local seen = {}
  for _, tag in ipairs(tags) do
    if type(tag) ~= "string" then
      check.misuse("%s: 'tags' must be a list of field names, but has a %s", what, type(tag))
    elseif seen[tag] then
      check.misuse("%s: the tag '%s' is named twice", what, tag)
    end
    check.tag(tag, what)
    seen[tag] = true
  end
end

---Checks an aggregate's definition as far as it can be told from itself.
---@param name string
---@param definition any
---@param place neap.Place
---@return table
function aggregate.new(name, definition, place)
  local what = string.format("aggregate '%s'", name)
  if type(definition) == "table" and definition.key == nil and definition.tags == nil then
    check.misuse("%s needs a key, the field of its commands that names the instance, or tags", what)
  end
  check.keys(definition, known, what)
  if string.find(name, "{", 1, true) then
    check.misuse("%s: its name must have no '{', which begins the tags' values", what)
  end
  if definition.key and definition.tags then
    check.misuse("%s has a key and tags; an aggregate has one of them", what)
  elseif definition.tags then
    check_tags(definition.tags, what)
  end
  check_handlers(definition.commands, what, "command")
  check_handlers(definition.events, what, "event")
  if definition.snapshot then
    check_snapshot(definition.snapshot, what)
  end
  return {
    name = name,
    place = place,
    key = definition.key,
    given_tags = definition.tags,
    initial = definition.initial == nil and {} or definition.initial,
    commands = definition.commands,
    events = definition.events,
    snapshot = snapshot_of(definition.snapshot),
  }
end

return aggregate
