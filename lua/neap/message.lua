-- Commands, events and queries: a name and its fields, and a constructor that checks them.

local internal = require "neap.internal"
local check = require "neap.check"
local evolution = require "neap.evolution"

---@alias neap.Kind "command" | "event" | "query"

---What a field may hold: "string", "integer", "number", "boolean", "table" or "any", with "?"
---behind it if it may be absent; `{ "integer" }` for a list; a table of fields for a nested table;
---a function `(value) → ok, why` for anything else.
---@alias neap.Field string | table | fun(value: any): boolean, string?

---@class neap.EventOptions
---@field transient? boolean handled by whoever listens now, and never stored
---@field tags? string[] fields whose values are recorded as "name:value" with the event
---@field version? integer of the schema as it is today, from 1; without it one more than there are
--- upcasters
---@field formerly? string | string[] names that it had: stored events of that name are read as it

---A message's constructor: called with a table of fields it gives a checked copy that knows its
---type. The copy is shallow; what is recorded is checked once more.
---
---```lua
---local OrderPlaced = shop:event "OrderPlaced" { order_id = "string", total = "integer" }
---local event = OrderPlaced { order_id = "o-1", total = 4200 }
---```
---@class neap.Message
---@field kind neap.Kind
---@field name string
---@field fields table<string, neap.Field>
---@field version integer of its schema as it is today, from 1
---@field transient boolean
---@field tags string[]
---@field formerly string[]
---@field steps neap.Upcast[] the last one leads to `version`
---@field given_version? integer
---@field sealed? boolean the domain is loaded
---@field place neap.Place where it was defined
---@field schema userdata
---@field instance table the metatable of what the constructor gives
---@operator call(table): table
local Message = {}
Message.__index = Message

local message = {}

local most_tags = 16

local known_options = {
  command = {},
  query = {},
  event = {
    transient = "?boolean",
    tags = "?table",
    version = "?number",
    formerly = "?string table",
  },
}

---@param options neap.EventOptions
---@param what string
local function check_version(options, what)
  local version = options.version
  local is_integer = math.type(version) == "integer"
  if version ~= nil and not (is_integer and version >= 1 and version <= 0x7FFFFFFF) then
    check.misuse("%s: 'version' must be an integer from 1", what)
  end
end

---@param tags string[]
---@param fields table<string, neap.Field>
---@param what string
local function check_tags(tags, fields, what)
  if #tags > most_tags then
    check.misuse("%s has %d tags; at most %d are allowed", what, #tags, most_tags)
  end
  for index, tag in ipairs(tags) do
    local field = fields[tag]
    if field == nil then
      check.misuse("%s: the tag '%s' is not one of its fields%s", what, tostring(tag),
        check.did_you_mean(tostring(tag), check.sorted_keys(fields)))
    elseif type(field) ~= "string" or not string.find(field, "^string%??$")
      and not string.find(field, "^integer%??$") then
      check.misuse("%s: the tag '%s' must be a string or an integer", what, tag)
    end
    check.tag(tag, what)
    for earlier = 1, index - 1 do
      if tags[earlier] == tag then
        check.misuse("%s: the tag '%s' is named twice", what, tag)
      end
    end
  end
  if #check.sorted_keys(tags) ~= #tags then
    check.misuse("%s: 'tags' must be a list of field names", what)
  end
end

---@param kind neap.Kind
---@param name string
---@param fields any
---@param what string
---@return userdata
local function compile(kind, name, fields, what)
  if type(fields) ~= "table" then
    check.misuse("%s needs a table of fields, but got %s", what, type(fields))
  end
  local ok, schema = pcall(internal.schema, fields, name, kind)
  if not ok then
    check.misuse("%s: %s", what, tostring(schema))
  end
  return schema
end

---Checks what can be checked before the fields are known.
---@param kind neap.Kind
---@param name any
---@param options any
function message.check(kind, name, options)
  check.name(name, kind)
  local what = string.format("%s '%s'", kind, name)
  check.keys(options, known_options[kind], what)
  check_version(options, what)
  evolution.former_names(options.formerly, name)
end

---@param kind neap.Kind
---@param name string
---@param options neap.EventOptions
---@param fields table<string, neap.Field>
---@param place neap.Place
---@return neap.Message
function message.new(kind, name, options, fields, place)
  local what = string.format("%s '%s'", kind, name)
  local schema = compile(kind, name, fields, what)
  check_tags(options.tags or {}, fields, what)
  local instance = { __name = name, __metatable = name }
  local class = {
    __index = Message,
    __name = "neap.Message",
    __tostring = function()
      return what
    end,
    __call = internal.constructor(schema, instance, name),
  }
  return setmetatable({
    kind = kind,
    name = name,
    fields = fields,
    version = options.version or 1,
    given_version = options.version,
    formerly = evolution.former_names(options.formerly, name),
    steps = {},
    transient = options.transient or false,
    tags = options.tags or {},
    place = place,
    schema = schema,
    instance = instance,
  }, class)
end

---Whether the value is a message that a domain defined.
---@param value any
---@return boolean
function message.is(value)
  local class = getmetatable(value)
  return type(value) == "table" and type(class) == "table" and class.__name == "neap.Message"
end

---@param self any
---@param step any
local function check_step(self, step)
  if not message.is(self) then
    check.misuse "call it as Event:upcast(function(data) … end), with a colon"
  elseif self.kind ~= "event" or self.transient then
    check.misuse("%s '%s' is never stored: only stored events are upcast",
      self.transient and "the transient event" or "the " .. self.kind, self.name)
  elseif self.sealed then
    check.misuse("event '%s': this upcaster comes too late, the domain is loaded", self.name)
  elseif type(step) ~= "function" then
    check.misuse("event '%s': what upcasts it must be a function, but is a %s", self.name,
      type(step))
  elseif self.given_version and #self.steps + 1 >= self.given_version then
    check.misuse("event '%s' has version %d: at most %d upcasters lead there", self.name,
      self.given_version, self.given_version - 1)
  end
end

---Adds a step between two versions of the event's schema: the first call makes data of version 1
---into version 2, the next 2 into 3. So the schema's version is one more than there are steps,
---unless the option `version` says which one the last step leads to.
---
---```lua
---OrderPlaced:upcast(function(data)
---  data.customer, data.client = data.client, nil
---  return data
---end)
---```
---@param step neap.Upcast
---@return neap.Message self
function Message:upcast(step)
  check_step(self, step)
  self.steps[#self.steps + 1] = step
  self.version = self.given_version or #self.steps + 1
  return self
end

return message
