-- The domain's middleware as one function, around what handles a message.

local internal = require "neap.internal"
local check = require "neap.check"
local errors = require "neap.errors"

local chain = {}

---What a middleware gave: a result, or nil and an error.
---@param entry table
---@param context neap.MiddlewareContext
---@param value any
---@param err any
---@return any
---@return neap.Error?
local function settle(entry, context, value, err)
  if value ~= nil and getmetatable(value) ~= "neap.Rejection" then
    return value
  end
  if value ~= nil then
    return nil, errors.from(value)
  end
  if err ~= nil then
    local failure = errors.from(err)
    if not failure then
      check.misuse_at(entry.place, "a middleware gave nil and a %s for '%s'; an error is a table "
        .. "with 'code' and 'message', a text, or neap.reject(…)", type(err), context.name)
    end
    return nil, failure
  end
  if context.kind == "event" then
    return nil -- whether it was handled is known besides
  elseif context.kind == "command" then
    check.misuse_at(entry.place, "a middleware gave nothing for the command '%s'; it returns what "
      .. "next gave, or nil and an error", context.name)
  end
  return nil
end

---Makes one function of all: the first is the outermost. Without any there is none.
---@param entries table[] each with handler and place
---@return (fun(message: table, context: neap.MiddlewareContext): any, any)?
function chain.compose(entries)
  local inner = internal.next
  for index = #entries, 1, -1 do
    local entry, following = entries[index], inner
    local handler = entry.handler
    inner = function(message, context)
      if type(message) ~= "table" then
        check.misuse("next needs the message, but got %s",
          message == nil and "nothing" or "a " .. type(message))
      end
      if type(context) ~= "userdata" then
        check.misuse("next needs the message, and the context that the middleware got")
      end
      return settle(entry, context, handler(message, context, following))
    end
  end
  return #entries > 0 and inner or nil
end

return chain
