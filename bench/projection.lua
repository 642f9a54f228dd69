-- One fold, once of an aggregate and once of a projection's documents; about 160 bytes an event.
local neap = require "neap"
local shop = neap.domain "bench"

shop:event "LineAdded" {
  order_id = "string", sku = "string", quantity = "integer", price = "number", note = "string",
}

local function add_line(order, event)
  order.lines = (order.lines or 0) + 1
  order.total = (order.total or 0) + event.quantity * event.price
end

shop:aggregate "Order" { key = "order_id", commands = {}, events = { LineAdded = add_line } }
shop:projection "orders" { key = "order_id", events = { LineAdded = add_line } }

return shop
