-- The domain of counter.lua, with middleware that passes everything on.
local counting = require "counter"

counting:use(function(message, context, next) return next(message, context) end)
counting:use(function(message, context, next)
  local result, err = next(message, context)
  return result, err
end)

return counting
