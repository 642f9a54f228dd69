-- The domain of shop.lua with three that do.
local shop = require "middleware_1"

shop:use(function(message, context, next) return next(message, context) end)
shop:use(function(message, context, next) return next(message, context) end)

return shop
