-- Services: what a domain needs from the world around it, made once per lane.

local internal = require "neap.internal"
local check = require "neap.check"

---Makes a service: gives a table of functions. Called once per lane when the runtime starts; what
---it raises is an error of `neap.open`. It may `require`; it and its functions may use `os` and
---`io`.
---@alias neap.ServiceFactory fun(config: any): table

local services = {}

---@param declared table[]
---@return table<string, table>
local function by_name(declared)
  local entries = {}
  for _, entry in ipairs(declared) do
    entries[entry.name] = entry
  end
  return entries
end

---A host's mistake.
---@param option string
---@param message string
---@param ... any formatted into the message
local function refuse(option, message, ...)
  local text = "option " .. option .. ": " .. string.format(message, ...)
  error(setmetatable({ status = "usage", code = "usage", message = text },
    internal.error_metatable))
end

---@param given table<string, any>
---@param known table<string, any>
---@param option string
local function check_names(given, known, option)
  for _, name in ipairs(check.sorted_keys(given)) do
    if not known[name] then
      refuse(option, "the domain has no service '%s'%s", tostring(name),
        check.did_you_mean(tostring(name), check.sorted_keys(known)))
    end
  end
end

---@param modules table<string, any>
local function check_modules(modules)
  for _, name in ipairs(check.sorted_keys(modules)) do
    local kind = type(modules[name])
    if internal.own and kind ~= "string" then
      refuse("services", "'%s' must be the name of a module as a text, but is a %s", name, kind)
    elseif kind ~= "string" and kind ~= "table" and kind ~= "function" then
      refuse("services", "'%s' must be a table, a function that makes it, or the name of a module, "
        .. "but is a %s", name, kind)
    end
  end
end

---@param made any
---@param name string
---@param origin string
---@return table
local function check_made(made, name, origin)
  if type(made) ~= "table" then
    error(string.format("%s: service '%s' must be a table of functions, but is %s", origin, name,
      made == nil and "nothing" or "a " .. type(made)), 0)
  end
  return made
end

---@param entry table
---@param module? any the host's own instead: a module's name; with `lanes = 0` also a table, or a
--- factory
---@param config any
---@param load fun(module: string): any
---@return table
local function make_one(entry, module, config, load)
  local factory, origin = entry.factory, entry.place.file .. ":" .. entry.place.line
  if type(module) == "string" then
    factory, origin = load(module), "module '" .. module .. "'"
  elseif module then
    factory, origin = module, "option services"
  end
  if config == nil then
    config = {}
  end
  if type(factory) == "function" then
    factory = factory(config)
  end
  return check_made(factory, entry.name, origin)
end

---@param made table<string, any>
---@param what string "context.services"
---@return table
local function closed(made, what)
  local names = check.sorted_keys(made)
  return setmetatable({}, {
    __index = function(_, name)
      local found = made[name]
      if found == nil then
        check.misuse("%s has no '%s'%s", what, tostring(name),
          check.did_you_mean(tostring(name), names))
      end
      return found
    end,
    __newindex = function()
      check.misuse("%s cannot be changed; a host replaces a service", what)
    end,
    __metatable = "neap.Services",
  })
end

---Makes all services of a lane.
---@param declared table[] what the domain's file declared
---@param config table<string, any> by service
---@param modules table<string, any> the host's own, instead of the domain's
---@param native table<string, table> the host's own functions, instead of the domain's or besides
---@param load fun(module: string): any
---@return table # `context.services`
function services.make(declared, config, modules, native, load)
  local entries, made = by_name(declared), {}
  check_names(config, entries, "config")
  check_names(modules, entries, "services")
  check_modules(modules)
  for _, entry in ipairs(declared) do
    local name = entry.name
    if not native[name] then
      made[name] = make_one(entry, modules[name], config[name], load)
    end
  end
  for name, functions in pairs(native) do
    made[name] = closed(functions, string.format("service '%s'", name))
  end
  return closed(made, "context.services")
end

return services
