-- bench/shop.lua's order, with snapshots.
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
  commands = { AddLine = function(_, command) return LineAdded(command) end },
  events = {
    LineAdded = function(order, event)
      order.lines = order.lines + 1
      order.total = order.total + event.quantity * event.price
    end,
  },
  snapshot = { every = 1000 },
}

return shop
