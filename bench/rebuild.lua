-- A projection whose documents are counted up by every event; about 90 bytes an event.
local neap = require "neap"
local shop = neap.domain "bench"

shop:event "OrderPlaced" { order_id = "string", customer = "string", total = "integer" }
shop:event "Noise" { text = "string" }

shop:projection "orders" {
  key = "order_id",
  events = {
    OrderPlaced = function(doc, event)
      doc.customer = event.customer
      doc.orders = (doc.orders or 0) + 1
      doc.total = (doc.total or 0) + event.total
    end,
  },
}

return shop
