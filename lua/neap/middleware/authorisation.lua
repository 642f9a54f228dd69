-- Authorisation: who may send which message.

local check = require "neap.check"
local errors = require "neap.errors"
local options = require "neap.middleware.options"

---Says whether the message may be handled: false or nil, and why not, if it may not.
---@alias neap.Authorise fun(message: table, context: neap.MiddlewareContext): boolean, string?

---@class neap.AuthorisationOptions
---@field rules table<string, string | string[] | boolean | neap.Authorise> by a message's name: the
--- roles of which one is needed; true: everybody; false: nobody; or a function
---@field roles? fun(context: neap.MiddlewareContext): string[] what the caller has: the texts in
--- `context.meta.roles`, between commas or spaces
---@field others? boolean false: whether messages without a rule may be handled

local what = "neap.middleware.authorisation"

local known = {
  rules = { types = "table" },
  roles = { types = "?function" },
  others = { types = "?boolean", default = false },
}

---@param context neap.MiddlewareContext
---@return string[]
local function roles_in_meta(context)
  local roles = {}
  for role in string.gmatch(context.meta.roles or "", "[^%s,]+") do
    roles[#roles + 1] = role
  end
  return roles
end

---A rule as a function.
---@param name string
---@param rule any
---@param roles fun(context: neap.MiddlewareContext): string[]
---@return neap.Authorise
local function rule_of(name, rule, roles)
  if type(rule) == "function" then
    return rule
  elseif type(rule) == "boolean" then
    return function()
      return rule
    end
  elseif type(rule) ~= "string" and type(rule) ~= "table" then
    check.misuse("%s: the rule of '%s' must be roles, true, false or a function, but is a %s", what,
      tostring(name), type(rule))
  end
  local wanted = options.set(type(rule) == "string" and { rule } or rule, nil,
    string.format("%s: the rule of '%s'", what, tostring(name)))
  return function(_, context)
    for _, role in ipairs(roles(context)) do
      if wanted[role] then
        return true
      end
    end
    return false
  end
end

---@param authorise neap.Authorise
---@return neap.Middleware
local function asking(authorise)
  return function(message, context, next)
    if context.kind == "event" then -- which nobody has sent
      return next(message, context)
    end
    local ok, why = authorise(message, context)
    if not ok then
      return nil, errors.new("forbidden", "%s", why or "the caller may not send " .. context.name)
    end
    return next(message, context)
  end
end

---Makes a middleware that asks before a message is handled. What it says no to is rejected as
---`forbidden`. Deliveries of events go through it.
---
---```lua
---shop:use(neap.middleware.authorisation {
---  rules = { PlaceOrder = { "clerk", "admin" }, CancelOrder = "admin", GetOrder = true },
---})
---```
---@param policy neap.Authorise | neap.AuthorisationOptions
---@return neap.Middleware
local function authorisation(policy)
  if type(policy) == "function" then
    return asking(policy)
  end
  local taken = options.take(policy, known, what)
  local rules = {}
  for _, name in ipairs(check.sorted_keys(taken.rules)) do
    rules[name] = rule_of(name, taken.rules[name], taken.roles or roles_in_meta)
  end
  local call = asking(function(message, context)
    local rule = rules[context.name]
    if not rule then
      return taken.others
    end
    return rule(message, context)
  end)
  return options.checked(call, function(defined, place)
    options.check_messages(rules, defined, { command = true, query = true }, place, what)
  end)
end

return authorisation
