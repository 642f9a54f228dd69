-- The domain of shop.lua with one middleware that passes everything on.
local shop = require "shop"

shop:use(function(message, context, next) return next(message, context) end)

return shop
