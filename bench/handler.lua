-- The command of shop.lua with a plain handler, which publishes the same event without waiting.
local neap = require "neap"
local shop = neap.domain "bench"

local fields = {
  order_id = "string", sku = "string", quantity = "integer", price = "number", note = "string",
}
local LineAdded = shop:event "LineAdded" (fields)
local AddLine = shop:command "AddLine" (fields)

shop:handle(AddLine, function(command, context)
  context:publish(LineAdded {
    order_id = command.order_id, sku = command.sku, quantity = command.quantity,
    price = command.price, note = command.note,
  }, { stream = "Order-" .. command.order_id })
end)

return shop
