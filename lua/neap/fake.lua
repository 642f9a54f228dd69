-- Fakes: services for specifications, which keep what they were asked to do.

local check = require "neap.check"
local difference = require "neap.difference"

local fake = {}

---The calls of each fake, in their order.
---@type table<table, table[]>
local calls = setmetatable({}, { __mode = "k" })

---As the value is now, whatever becomes of it.
---@param value any
---@param seen table<table, table>
---@return any
local function copy(value, seen)
  if type(value) ~= "table" or value == difference.any then
    return value
  elseif seen[value] then
    return seen[value]
  end
  local copied = {}
  seen[value] = copied
  for key, member in next, value do
    copied[copy(key, seen)] = copy(member, seen)
  end
  return setmetatable(copied, getmetatable(value))
end

---@param made table
---@param name string
---@param answer? function
---@return function
local function recorder(made, name, answer)
  return function(...)
    local arguments = table.pack(...)
    table.insert(calls[made], { name = name, arguments = copy(arguments, {}) })
    if answer then
      return answer(...)
    end
  end
end

---@param functions table names in the list, or functions by name
---@param refuse fun(message: string, ...: any)
---@return table
function fake.new(functions, refuse)
  if type(functions) ~= "table" then
    refuse("spec.fake needs a list of functions' names, got %s", difference.show(functions))
  end
  local made = {}
  calls[made] = {}
  for key, value in pairs(functions) do
    local listed = math.type(key) == "integer"
    if type(listed and value or key) ~= "string" then
      refuse("spec.fake: a function's name must be a text, got %s",
        difference.show(listed and value or key))
    elseif not listed and type(value) ~= "function" then
      refuse("spec.fake: '%s' must be a function, or stand in the list by its name alone; got %s",
        key, difference.show(value))
    end
    local name = listed and value or key
    made[name] = recorder(made, name, not listed and value or nil)
  end
  if next(made) == nil then
    refuse "spec.fake needs the name of one function at least"
  end
  return made
end

---Forgets what was before: a scenario begins.
---@param services? table<string, any>
function fake.begin(services)
  for _, service in pairs(services or {}) do
    if calls[service] then
      calls[service] = {}
    end
  end
end

---@param service any
---@return table[]? calls each with name and arguments; nil: it is no fake
function fake.calls(service)
  return service ~= nil and calls[service] or nil
end

---As it would be written: `send("o-1", { … })`.
---@param name string
---@param arguments table as from table.pack
---@return string
function fake.show(name, arguments)
  local shown = {}
  for index = 1, arguments.n do
    shown[index] = difference.show(arguments[index])
  end
  return name .. "(" .. table.concat(shown, ", ") .. ")"
end

return check.closed(fake, "neap.fake", {})
