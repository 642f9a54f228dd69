-- Services: what a domain needs from the world around it, made once per lane.

local internal = require "neap.internal"
local check = require "neap.check"
local errors = require "neap.errors"
local guard = require "neap.guard"
local options = require "neap.middleware.options"

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

---The code of what a call came to, if it failed: nil and an error.
---@param value any
---@param err any
---@return neap.Error?
local function failure_of(value, err)
  return value == nil and err ~= nil and errors.from(err) or nil
end

---What guards one service of a lane.
---@class neap.ServiceGuard
---@field name string
---@field taken neap.GuardOptions
---@field on table<string, true> codes that the breaker counts
---@field circuit? table
---@field under_way integer
---@field world { clock: fun(): number, narrow: fun(seconds: number): userdata } of the engine

---Whether a call may begin.
---@param self neap.ServiceGuard
---@return integer? pass
---@return neap.Error?
local function enter(self)
  local taken, pass = self.taken, 0
  if taken.limit and self.under_way >= taken.limit then
    return nil, errors.new("busy", "service '%s' is at %d calls already, its limit", self.name,
      taken.limit)
  end
  if self.circuit then
    local admitted, retry_after = self.circuit:admit(self.world.clock())
    if not admitted then
      return nil, guard.refused(string.format("service '%s': its circuit", self.name),
        taken.breaker, retry_after)
    end
    pass = admitted
  end
  self.under_way = self.under_way + 1
  return pass
end

---@param self neap.ServiceGuard
---@param pass integer
---@param err? neap.Error
local function leave(self, pass, err)
  self.under_way = self.under_way - 1
  if self.circuit then
    self.circuit:note(pass, err ~= nil and errors.is_of(err, self.on), self.world.clock())
  end
end

---@param self neap.ServiceGuard
---@param began number
---@return neap.Error?
local function too_late(self, began)
  if self.taken.timeout and self.world.clock() - began >= self.taken.timeout then
    local err = errors.new("timeout", "service '%s' took longer than %g s", self.name,
      self.taken.timeout)
    err.outcome = "unknown"
    return err
  end
end

---@param self neap.ServiceGuard
---@param called function
local function call(self, called, ...)
  local pass, refused = enter(self)
  if not pass then
    return nil, refused
  end
  local failure
  local began = self.world.clock()
  local narrowed = self.taken.timeout and self.world.narrow(self.taken.timeout)
  local _ <close> = setmetatable({}, { __close = function(_, raised)
    leave(self, pass, raised ~= nil and { code = "handler" } or failure)
    if narrowed then
      narrowed:close()
    end
  end })
  local results = table.pack(called(...))
  failure = too_late(self, began)
  if failure then
    return nil, failure
  end
  failure = failure_of(results[1], results[2])
  return table.unpack(results, 1, results.n)
end

---A service whose functions are guarded; all else of it is as it was.
---@param made table
---@param entry table
---@param world table
---@return table
local function guarded(made, entry, world)
  local taken = entry.guards
  if not (taken.timeout or taken.limit or taken.breaker) then
    return made
  end
  local self = { name = entry.name, taken = taken, under_way = 0, world = world, on = {} }
  if taken.breaker then
    self.circuit = guard.circuit(taken.breaker)
    self.on = options.set(taken.breaker.on, nil, "'on'")
  end
  local wrappers = setmetatable({}, { __mode = "k" })
  return setmetatable({}, {
    __index = function(_, name)
      local found = made[name]
      if type(found) ~= "function" then
        return found
      end
      wrappers[found] = wrappers[found] or function(...)
        return call(self, found, ...)
      end
      return wrappers[found]
    end,
    __newindex = made,
    __pairs = function()
      return pairs(made)
    end,
  })
end

---Makes all services of a lane.
---@param declared table[] what the domain's file declared
---@param config table<string, any> by service
---@param modules table<string, any> the host's own, instead of the domain's
---@param native table<string, table> the host's own functions, instead of the domain's or besides
---@param load fun(module: string): any
---@param world table what guards need of the engine
---@return table # `context.services`
function services.make(declared, config, modules, native, load, world)
  local entries, made = by_name(declared), {}
  check_names(config, entries, "config")
  check_names(modules, entries, "services")
  check_modules(modules)
  for _, entry in ipairs(declared) do
    local name = entry.name
    if not native[name] then
      made[name] = guarded(make_one(entry, modules[name], config[name], load), entry, world)
    end
  end
  for name, functions in pairs(native) do
    made[name] = closed(functions, string.format("service '%s'", name))
    if entries[name] then
      made[name] = guarded(made[name], entries[name], world)
    end
  end
  return closed(made, "context.services")
end

---Services of a branch of history: they do nothing but note what they are asked to do.
---@param declared table[]
---@param answers table<string, table<string, any>> what functions give, by service and function
---@param note fun(service: string, name: string, ...: any)
---@return table # `context.services`
function services.recorded(declared, answers, note)
  local entries, made = by_name(declared), {}
  check_names(answers, entries, "answers")
  for _, name in ipairs(check.sorted_keys(answers)) do
    if type(answers[name]) ~= "table" then
      refuse("answers", "what service '%s' gives must be an object of what its functions give, but "
        .. "is a %s", name, type(answers[name]))
    end
  end
  for _, name in ipairs(check.sorted_keys(entries)) do
    local given = answers[name] or {}
    made[name] = setmetatable({}, {
      __index = function(_, called)
        return function(...)
          note(name, called, ...)
          return given[called]
        end
      end,
    })
  end
  return closed(made, "context.services")
end

return services
