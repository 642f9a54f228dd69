-- What the options of ready middleware have in common: known names, types, bounds, defaults.

local check = require "neap.check"

local options = {}

---One option: what it is if it is not given, and what it may be.
---@class neap.KnownOption
---@field default any
---@field types string as in check.keys: "number", "?function"
---@field least? number
---@field most? number
---@field integer? boolean

---@param name string
---@param value number
---@param known neap.KnownOption
---@param what string
local function check_number(name, value, known, what)
  local whole = not known.integer or math.type(value) == "integer"
  local fits = value == value and (not known.least or value >= known.least)
    and (not known.most or value <= known.most)
  if not whole or not fits then
    check.misuse("%s: '%s' must be %s from %s to %s, but is %s", what, name,
      known.integer and "an integer" or "a number", known.least or "any", known.most or "any",
      value)
  end
end

---Gives a table of all options, those that were not given as they are by default.
---@param given any
---@param known table<string, neap.KnownOption>
---@param what string "neap.middleware.retry"
---@return table
function options.take(given, known, what)
  local types, taken = {}, {}
  for name, option in pairs(known) do
    types[name] = option.types
  end
  given = given == nil and {} or given
  check.keys(given, types, what)
  for _, name in ipairs(check.sorted_keys(known)) do
    local option, value = known[name], given[name]
    if value == nil then
      value = option.default
    elseif type(value) == "number" then
      check_number(name, value, option, what)
    end
    taken[name] = value
  end
  return taken
end

---A set of the texts in a list.
---@param list any
---@param is_known? fun(text: string): boolean
---@param what string "neap.middleware.retry: 'on'"
---@param names? string[] what is known, for "did you mean"
---@return table<string, true>
function options.set(list, is_known, what, names)
  local set = {}
  for _, text in ipairs(list) do
    if type(text) ~= "string" then
      check.misuse("%s must be a list of texts, but has a %s", what, type(text))
    elseif is_known and not is_known(text) then
      check.misuse("%s: there is no '%s'%s", what, text, check.did_you_mean(text, names or {}))
    end
    set[text] = true
  end
  return set
end

---Raises unless the domain defines each of the names, as one of the kinds. Called when the domain
---is loaded.
---@param names table<string, any>
---@param defined table<string, neap.Message>
---@param kinds table<neap.Kind, true>
---@param place neap.Place
---@param what string
function options.check_messages(names, defined, kinds, place, what)
  local candidates = {}
  for name, message in pairs(defined) do
    if kinds[message.kind] then
      candidates[#candidates + 1] = name
    end
  end
  table.sort(candidates)
  for _, name in ipairs(check.sorted_keys(names)) do
    local message = defined[name]
    if not message then
      check.misuse_at(place, "%s: '%s' is not defined%s", what, tostring(name),
        check.did_you_mean(tostring(name), candidates))
    elseif not kinds[message.kind] then
      check.misuse_at(place, "%s: '%s' is %s", what, name, check.a(message.kind))
    end
  end
end

---Makes a middleware that checks, when the domain is loaded, what it says of the domain's messages.
---@param call neap.Middleware
---@param check_domain fun(defined: table<string, neap.Message>, place: neap.Place)
---@return neap.Middleware
function options.checked(call, check_domain)
  return setmetatable({}, {
    __call = function(_, message, context, next)
      return call(message, context, next)
    end,
    check_domain = check_domain,
  })
end

return options
