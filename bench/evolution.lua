-- bench/shop.lua's order, a version later: each stored line is upcast.
local neap = require "neap"
local shop = neap.domain "bench"

local fields = {
  order_id = "string", sku = "string", quantity = "integer", cents = "integer", note = "string",
}
local LineAdded = shop:event "LineAdded" (fields)
LineAdded:upcast(function(data)
  data.cents, data.price = math.tointeger(data.price * 100), nil
  return data
end)
shop:command "AddLine" (fields)

shop:aggregate "Order" {
  key = "order_id",
  initial = { lines = 0, total = 0 },
  commands = { AddLine = function(_, command) return LineAdded(command) end },
  events = {
    LineAdded = function(order, event)
      order.lines = order.lines + 1
      order.total = order.total + event.quantity * event.cents
    end,
  },
}

return shop
