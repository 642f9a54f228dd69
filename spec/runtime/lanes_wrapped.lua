-- The bank, with a middleware around everything.
local domain = require "lanes"

domain:use(function(message, context, next) return next(message, context) end)

return domain
