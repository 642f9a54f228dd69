-- Projections: folds of the log, and the documents or rows that they keep.

local check = require "neap.check"
local subscription = require "neap.subscription"

---A projection keeps documents, one for each key, or, with a `schema`, rows of its own.
---
---```lua
---shop:projection "orders" {
---  key = "order_id",
---  events = {
---    OrderPlaced = function(doc, event) doc.status, doc.total = "placed", event.total end,
---    OrderCancelled = function() return neap.delete end,
---  },
---}
---```
---@class neap.Projection
---@field key? neap.Key names the document; with a schema only `partitions` need it
---@field events table<string, neap.Project | neap.ProjectRows>
---@field version? integer 1: a new version is built beside the old one, and then takes its place
---@field partitions? integer 1: how many parts, by key, are folded side by side; it stays as it is
---@field inline? boolean folded in the unit of the command, so that its receipt comes behind it;
--- the key is then that of the stream
---@field live? boolean folded when it is asked for, and kept nowhere
---@field schema? string the SQL that makes its tables; `{name}` is this version's own table
---@field start? "beginning" | "now" "beginning": with which events it begins

---Changes the document by an event. A document that is not there yet is an empty table, and one
---that is an empty table is not kept. A table that it gives takes the document's place,
---`neap.delete` drops it. It is pure.
---@alias neap.Project
---| fun(doc: table, event: table, context: neap.ProjectionContext): table | neap.Delete | nil

---With a `schema`: says what the event does to the rows, in statements that are run in order, in
---one unit with the checkpoint. It gives nothing, and is pure.
---
---```lua
---OrderPlaced = function(sql, event)
---  sql("INSERT INTO {revenue} VALUES (?, ?)", event.customer, event.total)
---end
---```
---@alias neap.ProjectRows fun(sql: neap.Sql, event: table, context: neap.ProjectionContext)

---One INSERT, UPDATE or DELETE, where `{name}` is this version's own table of that name, and the
---values of its parameters: texts, numbers, booleans, nil or `neap.null`. It gives nothing and
---reads nothing: it only says what is to be run.
---@alias neap.Sql fun(statement: string, ...: string | number | boolean | nil)

local projection = {}

local known = {
  key = "?string function table",
  events = "table",
  version = "?number",
  partitions = "?number",
  inline = "?boolean",
  live = "?boolean",
  schema = "?string",
  start = "?string",
}

---@param definition neap.Projection
---@param what string
local function check_live(definition, what)
  for _, other in ipairs { "inline", "schema", "start", "partitions" } do
    if definition.live and definition[other] then
      check.misuse("%s: 'live' and '%s' exclude each other: what is live is kept nowhere", what,
        other)
    end
  end
end

---@param definition neap.Projection
---@param what string
local function check_options(definition, what)
  subscription.check_count(definition.version, 0x7FFFFFFF, what, "version")
  subscription.check_partitions(definition.partitions, what)
  check_live(definition, what)
  if definition.inline and (definition.schema or definition.start) then
    check.misuse("%s: 'inline' and '%s' exclude each other", what,
      definition.schema and "schema" or "start")
  end
  local divided = (definition.partitions or 1) > 1
  if definition.inline and divided then
    check.misuse("%s: 'inline' and 'partitions' exclude each other: it is folded where the command "
      .. "is decided", what)
  end
  if definition.key == nil and not definition.schema then
    check.misuse("%s needs a key, the field of its events that names the document", what)
  elseif definition.key == nil and divided then
    check.misuse("%s needs a key, by which its partitions are divided", what)
  end
  if definition.schema and not string.find(definition.schema, "%S") then
    check.misuse("%s: 'schema' is empty", what)
  end
end

---Checks a projection's definition as far as it can be told from itself.
---@param name string
---@param definition any
---@param place neap.Place
---@return table
function projection.new(name, definition, place)
  local what = string.format("projection '%s'", name)
  check.keys(definition, known, what)
  check_options(definition, what)
  return {
    kind = "projection",
    name = name,
    place = place,
    key = subscription.check_key(definition.key, what),
    events = subscription.check_events(definition.events, what),
    version = definition.version or 1,
    partitions = definition.partitions or 1,
    inline = definition.inline or false,
    live = definition.live or false,
    schema = definition.schema,
    from_now = subscription.starts_now(definition.start, what),
  }
end

return projection
