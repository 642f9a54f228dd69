-- The same through middleware.
local neap = require "neap"
local domain = require "allocation"

domain:use(function(message, context, next)
  local result, err = next(message, context)
  if err then return nil, { status = err.status, code = err.code, message = err.message,
    details = err.details, outcome = err.outcome } end
  return result
end)
domain:use(neap.middleware.cache { seconds = 60 })
domain:use(neap.middleware.circuit_breaker { failures = 1000 })

return domain
