-- Aggregates: a state folded from one stream, which decides commands.

local check = require "neap.check"

---@class neap.Snapshot
---@field every integer a snapshot of the state is kept each so many events
---@field version? string | integer whose fold it is; else: of the domain's files as they are

---@class neap.Aggregate
---@field key string the commands' field that names the instance
---@field initial? table | fun(id: string | integer): table before the first event; copied
---@field commands table<string, neap.Decide>
---@field events table<string, neap.Fold>
---@field snapshot? neap.Snapshot

---Decides a command. The state is read-only. Gives nothing, one event, several events as several
---results, or a rejection.
---@alias neap.Decide fun(state: table, command: table, context: neap.Context): ...

---Changes the state by an event; a table that it gives replaces the state.
---@alias neap.Fold fun(state: table, event: table): table?

local aggregate = {}

local known = {
  key = "string",
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

---@param snapshot neap.Snapshot
---@param what string
local function check_snapshot(snapshot, what)
  check.keys(snapshot, { every = "number", version = "?string number" }, what .. ": 'snapshot'")
  local every, version = snapshot.every, snapshot.version
  if math.type(every) ~= "integer" or every < 1 or every > 0x7FFFFFFF then
    check.misuse("%s: 'snapshot.every' must be an integer from 1", what)
  end
  if version ~= nil and type(version) ~= "string" and math.type(version) ~= "integer" then
    check.misuse("%s: 'snapshot.version' must be a text or an integer", what)
  end
  if version == "" then
    check.misuse("%s: 'snapshot.version' must not be empty", what)
  end
end

---Checks an aggregate's definition as far as it can be told from itself.
---@param name string
---@param definition any
---@param place neap.Place
---@return table
function aggregate.new(name, definition, place)
  local what = string.format("aggregate '%s'", name)
  if type(definition) == "table" and definition.tags ~= nil then
    check.misuse("%s: this version of Neap has no aggregates by tags", what)
  end
  if type(definition) == "table" and definition.key == nil then
    check.misuse("%s needs a key: the field of its commands that names the instance", what)
  end
  check.keys(definition, known, what)
  check_handlers(definition.commands, what, "command")
  check_handlers(definition.events, what, "event")
  if definition.snapshot then
    check_snapshot(definition.snapshot, what)
  end
  return {
    name = name,
    place = place,
    key = definition.key,
    initial = definition.initial == nil and {} or definition.initial,
    commands = definition.commands,
    events = definition.events,
    snapshot = definition.snapshot or {},
  }
end

return aggregate
