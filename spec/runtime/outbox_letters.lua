-- A shop whose outbox sets aside what its publisher does not take.
local neap = require "neap"
local shop = neap.domain "shop"

local Placed = shop:event "Placed" { order_id = "string", total = "integer" }
local Shipped = shop:event "Shipped" { order_id = "string" }
shop:command "Place" { order_id = "string", total = "integer" }
shop:command "Ship" { order_id = "string" }

shop:aggregate "Order" {
  key = "order_id",
  initial = {},
  commands = {
    Place = function(_, command) return Placed(command) end,
    Ship = function(_, command) return Shipped(command) end,
  },
  events = { Placed = function() end, Shipped = function() end },
}

shop:outbox "partners" {
  to = "broker",
  subject = "all.{type}",
  retry = { attempts = 2, first_delay = 0.001, max_delay = 0.002 },
  on_failure = "dead_letter",
}

return shop
