-- JSON as Neap records it: canonical, exact, and checked.

local internal = require "neap.internal"

local native = internal.json

---Converts between JSON and Lua values.
---
---Integers are exact to 64 bits and stay integers, floats stay floats; text is UTF-8. JSON's null
---is `json.null`, an empty list is a table marked by `json.array`, an object is a table. What
---cannot be said exactly is an error, never a guess.
---
---```lua
---local json = require "neap.json"
---local order = assert(json.decode '{"lines":[],"total":4200}')
---assert(order.total == 4200)
---assert(json.encode(order) == '{"lines":[],"total":4200}')
---```
---@class neap.json
---@field null userdata JSON's null, apart from nil
local json = { null = native.null }

---@class neap.json.Schema: userdata the compiled types of an object's fields

---Gives the value that a JSON text says.
---
---```lua
---local value, err = json.decode '{"items":[{"sku":1,}]}'
---assert(value == nil and err.path == "items[1]" and err.line == 1)
---```
---@param text string one JSON value (RFC 8259), without duplicate names
---@param schema? neap.json.Schema what the value has to fit; what it says is absent is nil
---@return any value or nil
---@return neap.Error? err `invalid` with path, line and column; `limit` if it is nested too deeply
function json.decode(text, schema)
  return native.decode(text, schema)
end

---Gives a value's canonical JSON: names sorted bytewise at every depth, no space, floats with the
---fewest digits that read back the same. Equal values give equal texts. Metamethods are not called.
---
---```lua
---assert(json.encode { b = 1, a = { 1, 2.0 } } == '{"a":[1,2.0],"b":1}')
---```
---@param value any
---@param schema? neap.json.Schema what the value has to fit
---@return string? text
---@return neap.Error? err `invalid` with the path of what JSON cannot say; `limit`
function json.encode(value, schema)
  return native.encode(value, schema)
end

---Marks a table as a list, so that it is encoded as `[]` even when it is empty.
---
---```lua
---assert(json.encode { lines = json.array {} } == '{"lines":[]}')
---```
---@generic T
---@param list T[]
---@return T[] list the same table
function json.array(list)
  return native.array(list)
end

---Compiles the types of an object's fields, as messages have them: `"string"`, `"integer"`,
---`"number"`, `"boolean"`, `"table"`, `"any"`, with `?` behind for optional, `{ "integer" }` for a
---list, `{ name = "string" }` for a nested table, a function `(value) → ok, why` for anything else.
---
---```lua
---local order = json.schema { id = "string", total = "integer", note = "string?" }
---local value, err = json.decode('{"id":"o-1","total":"12"}', order)
---assert(err.message == 'total: expected integer, got string "12"')
---```
---@param fields table<string, any> names and types
---@param name? string what errors of the definition call it
---@return neap.json.Schema
function json.schema(fields, name)
  return native.schema(fields, name)
end

return json
