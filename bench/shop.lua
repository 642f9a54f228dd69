-- The domain that is measured: an order that grows line by line, about 160 bytes an event.
local neap = require "neap"
local shop = neap.domain "bench"

local fields = {
  order_id = "string", sku = "string", quantity = "integer", price = "number", note = "string",
}
local LineAdded = shop:event "LineAdded" (fields)
shop:command "AddLine" (fields)

shop:aggregate "Order" {
  key = "order_id",
  initial = { lines = 0, total = 0 },
  commands = {
    AddLine = function(order, command)
      if order.lines < 0 then return neap.reject("closed", "the order is closed") end
      return LineAdded {
        order_id = command.order_id, sku = command.sku, quantity = command.quantity,
        price = command.price, note = command.note,
      }
    end,
  },
  events = {
    LineAdded = function(order, event)
      order.lines = order.lines + 1
      order.total = order.total + event.quantity * event.price
    end,
  },
}

return shop
