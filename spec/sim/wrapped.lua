-- The world with middleware that waits and tries again.
local neap = require "neap"
local world = require "world"

world:use(neap.middleware.retry { attempts = 4, first_delay = 0.02 })

world:use(function(message, context, next)
  if context.meta.pause then context:sleep(tonumber(context.meta.pause)) end
  local result, err = next(message, context)
  if context.meta.rest then context:sleep(tonumber(context.meta.rest)) end
  return result, err
end)

return world
