-- Validation: rules that a schema cannot say.

local check = require "neap.check"
local errors = require "neap.errors"
local options = require "neap.middleware.options"

---Says whether a message is valid: false or nil, and why not, if it is not. To give nothing at all
---is a mistake.
---@alias neap.Validate fun(message: table, context: neap.MiddlewareContext): boolean, string?

local what = "neap.middleware.validation"

---Makes a middleware that asks a function before a message is handled. What it says no to is
---answered as `invalid`.
---
---```lua
---shop:use(neap.middleware.validation {
---  PlaceOrder = function(command) return command.total > 0, "the total must be above 0" end,
---})
---```
---@param checks table<string, neap.Validate> by a command's or a query's name
---@return neap.Middleware
local function validation(checks)
  if type(checks) ~= "table" then
    check.misuse("%s needs a table of functions by messages' names, but got %s", what, type(checks))
  end
  for _, name in ipairs(check.sorted_keys(checks)) do
    if type(checks[name]) ~= "function" then
      check.misuse("%s: '%s' must be a function, but is a %s", what, tostring(name),
        type(checks[name]))
    end
  end
  return options.checked(function(message, context, next)
    local valid = checks[context.name]
    if valid then
      local ok, why = valid(message, context)
      if not ok then
        return nil, errors.new("invalid", "%s", why or context.name .. " is not valid")
      end
    end
    return next(message, context)
  end, function(defined, place)
    options.check_messages(checks, defined, { command = true, query = true }, place, what)
  end)
end

return validation
