-- In the spec kit: events as an earlier version of the domain stored them.

local check = require "neap.check"
local difference = require "neap.difference"
local json = require "neap.json"
local scenario = require "neap.scenario"

local stored = {}

local metatable = scenario.stored

---@class neap.StoredOptions
---@field stream? string where it is; without it that of what it is read as
---@field tags? table<string, string | integer> what it was tagged with, by name; without it the
--- fields of its data that are tags of the event as it is today

local known_options = { stream = true, tags = true }

---@param options any
---@return neap.StoredOptions
local function checked(options)
  if options ~= nil and type(options) ~= "table" then
    scenario.fail("spec.stored: its options must be a table, got %s", difference.show(options))
  end
  options = options or {}
  for _, name in ipairs(check.sorted_keys(options)) do
    if not known_options[name] then
      scenario.fail("spec.stored knows no option '%s'%s", tostring(name),
        check.did_you_mean(tostring(name), check.sorted_keys(known_options)))
    end
  end
  if options.stream ~= nil and type(options.stream) ~= "string" then
    scenario.fail("spec.stored: 'stream' must be a text, got %s", difference.show(options.stream))
  elseif options.tags ~= nil and type(options.tags) ~= "table" then
    scenario.fail("spec.stored: 'tags' must be a table of values by name, got %s",
      difference.show(options.tags))
  end
  return options
end

---@param fields table<string, any>
---@param names string[]
---@return string[]
local function tags_in(fields, names)
  local tags = {}
  for _, name in ipairs(names) do
    local value = fields[name]
    if type(value) == "string" or math.type(value) == "integer" then
      tags[#tags + 1] = name .. ":" .. value
    end
  end
  table.sort(tags)
  return tags
end

---@param given? table<string, any>
---@return string[]?
local function given_tags(given)
  for name, value in pairs(given or {}) do
    if type(name) ~= "string" or type(value) ~= "string" and math.type(value) ~= "integer" then
      scenario.fail("spec.stored: 'tags' must be texts or integers by name, got %s",
        difference.show(given))
    end
  end
  return given and tags_in(given, check.sorted_keys(given))
end

---Makes one, for `given`.
---@param name any
---@param schema any
---@param data any
---@param options any
---@return table
function stored.new(name, schema, data, options)
  if type(name) ~= "string" then
    scenario.fail("spec.stored needs the name of the event's type, got %s", difference.show(name))
  elseif math.type(schema) ~= "integer" or schema < 1 or schema > 0x7FFFFFFF then
    scenario.fail("spec.stored: the schema version of '%s' must be an integer from 1, got %s",
      name, difference.show(schema))
  elseif type(data) ~= "table" then
    scenario.fail("spec.stored: the data of '%s' must be a table, got %s", name,
      difference.show(data))
  end
  local text, err = json.encode(data)
  if not text then
    scenario.fail("spec.stored: the data of '%s': %s", name, tostring(err))
  end
  options = checked(options)
  return setmetatable({ name = name, schema = schema, json = text, stream = options.stream,
    tags = given_tags(options.tags) }, metatable)
end

-- ---- What it is read as ------------------------------------------------------------------------

---@param defined neap.Domain
---@param name string
---@return neap.Message? today what it is called today
---@return table? retired
local function find(defined, name)
  for _, message in ipairs(defined.messages) do
    for _, called in ipairs { message.name, table.unpack(message.formerly) } do
      if message.kind == "event" and called == name then
        return message
      end
    end
  end
  for _, retired in ipairs(defined.retirements) do
    if retired.name == name then
      return nil, retired
    end
  end
end

---@param results table what an upcaster gave
---@return table[]? events, or nil: it is the data of the next version
local function events_in(results)
  local first = results[1]
  if results.n == 1 and type(first) == "table" then
    if type(getmetatable(first[1])) == "string" then
      results = first
    elseif type(getmetatable(first)) ~= "string" then
      return nil
    end
  end
  local events = {}
  for index = 1, results.n or #results do
    local kind = getmetatable(results[index])
    if type(results[index]) == "table" and type(kind) == "string" then
      events[#events + 1] = { name = kind, fields = results[index] }
    end
  end
  return events
end

---The events that it is today. Raises what an upcaster raises.
---@param event table
---@param today? neap.Message
---@param retired? table
---@return table[] list of { name, fields }
local function read(event, today, retired)
  local data = json.decode(event.json)
  if retired then
    return retired.upcast and events_in(table.pack(retired.upcast(data, event.schema))) or {}
  end
  local steps = today and today.steps or {}
  for index = event.schema - (today and today.version or 1) + #steps + 1, #steps do
    local results = table.pack(steps[index](data))
    local events = events_in(results)
    if events then
      return events
    end
    data = results[1]
  end
  return { { name = today and today.name or event.name, fields = data } }
end

---@param of neap.SpecDomain
---@param event table
---@param events table[]
---@param command? table
---@return string stream
local function stream_of(of, event, events, command)
  if not events[1] then
    scenario.fail('given: whose event is %s, schema version %d? it is read as none; '
      .. 'say spec.on("Stream-…", event)', event.name, event.schema)
  end
  return of:stream_of(events[1], command)
end

---Where it is to be recorded, and how: options of `runtime:publish`. What the domain does not read
---is for the runtime to refuse.
---@param of neap.SpecDomain
---@param event table
---@param stream? string where it is said to be
---@param command? table of the `when` behind it
---@return table
function stored.place(of, event, stream, command)
  local defined = rawget(of, "defined")
  local today, retired = find(defined, event.name)
  local newest = today and today.version or event.schema
  local readable = (today or retired) and event.schema <= newest
    and (retired or event.schema >= newest - #today.steps)
  local options = { schema = event.schema, stream = stream or event.stream, tags = event.tags }
  if not readable then
    options.stream = options.stream or event.name
    return options
  end
  local events = {}
  if not options.stream or retired and not options.tags then
    local ok, result = pcall(read, event, today, retired)
    if not ok then
      scenario.fail("given: %s, schema version %d, cannot be read: %s", event.name, event.schema,
        tostring(result))
    end
    events = result
  end
  options.stream = options.stream or stream_of(of, event, events, command)
  if not options.tags then
    local becomes = today or events[1] and of:message(events[1].name, "given")
    options.tags = tags_in(json.decode(event.json), becomes and becomes.tags or {})
  end
  return options
end

return stored
