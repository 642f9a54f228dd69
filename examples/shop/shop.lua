-- A small shop: orders are placed and shipped.

local neap = require "neap"
local shop = neap.domain "shop"

-- Messages: a name and its fields. What comes back is a constructor that checks them.
local OrderPlaced = shop:event "OrderPlaced" {
  order_id = "string", customer = "string", total = "integer", item = "string?",
}
local OrderShipped = shop:event "OrderShipped" { order_id = "string", tracking = "string?" }
local OrderCancelled = shop:event "OrderCancelled" { order_id = "string" }

shop:command "PlaceOrder" {
  order_id = "string", customer = "string", total = "integer", item = "string?",
}
shop:command "ShipOrder" { order_id = "string", tracking = "string?" }
shop:command "CancelOrder" { order_id = "string" }
local GetOrder = shop:query "GetOrder" { order_id = "string" }

-- An aggregate decides in `commands` and changes state in `events`. Both are pure.
shop:aggregate "Order" {
  key = "order_id",
  initial = { status = "new" },

  commands = {
    PlaceOrder = function(order, command)
      if order.status ~= "new" then
        return neap.reject("already_placed", "the order is already placed")
      end
      return OrderPlaced {
        order_id = command.order_id, customer = command.customer, total = command.total,
        item = command.item,
      }
    end,

    ShipOrder = function(order, command)
      if order.status ~= "placed" then
        return neap.reject("not_placed", "only a placed order ships", { status = order.status })
      end
      return OrderShipped { order_id = command.order_id, tracking = command.tracking }
    end,

    CancelOrder = function(order, command)
      if order.status == "shipped" then
        return neap.reject("shipped", "what has shipped cannot be cancelled")
      elseif order.status == "placed" then
        return OrderCancelled { order_id = command.order_id }
      end
    end,
  },

  events = {
    OrderPlaced = function(order, event)
      order.status = "placed"
      order.customer = event.customer
      order.total = event.total
      order.item = event.item
    end,

    OrderShipped = function(order, event)
      order.status = "shipped"
      order.tracking = event.tracking
    end,

    OrderCancelled = function(order)
      order.status = "cancelled"
    end,
  },

  snapshot = { every = 100 },
}

shop:answer(GetOrder, function(query, context)
  return context:state("Order", query.order_id)
end)

return shop
