-- A shop with an outbox for two of its three events, and one for what comes from now on.
local neap = require "neap"
local shop = neap.domain "shop"

local Placed = shop:event "Placed" { order_id = "string", total = "integer" }
local Shipped = shop:event("Shipped", { formerly = "Sent" }) { order_id = "string" }
local Noted = shop:event "Noted" { order_id = "string" }
shop:command "Place" { order_id = "string", total = "integer" }
shop:command "Ship" { order_id = "string" }
shop:command "Note" { order_id = "string" }

shop:aggregate "Order" {
  key = "order_id",
  initial = { lines = 0 },
  commands = {
    Place = function(_, command) return Placed(command) end,
    Ship = function(_, command) return Shipped(command) end,
    Note = function(_, command) return Noted(command) end,
  },
  events = {
    Placed = function(order) order.lines = order.lines + 1 end,
    Shipped = function() end,
    Noted = function() end,
  },
}

shop:outbox "partners" { types = { "Placed", "Shipped" }, to = "broker", subject = "all.{type}" }

return shop
