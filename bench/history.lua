-- What the REPL looks at: customers who order again and again; about 90 bytes an event.
local neap = require "neap"
local shop = neap.domain "bench"

local fields = { customer = "string", name = "string", total = "integer" }
local OrderPlaced = shop:event "OrderPlaced" (fields)

shop:command "PlaceOrder" (fields)

shop:aggregate "Customer" {
  key = "customer",
  initial = { orders = 0, total = 0, dozens = 0 },
  commands = { PlaceOrder = function(_, command) return OrderPlaced(command) end },
  events = {
    OrderPlaced = function(customer, event)
      customer.orders = customer.orders + 1
      customer.total = customer.total + event.total
      customer.dozens = customer.orders // 12
    end,
  },
}

shop:projection "customers" {
  key = "customer",
  events = {
    OrderPlaced = function(doc, event)
      doc.name = event.name
      doc.orders = (doc.orders or 0) + 1
      doc.total = (doc.total or 0) + event.total
    end,
  },
}

return shop
