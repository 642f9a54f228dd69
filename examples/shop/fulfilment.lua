-- The whole cycle: what is placed in the shop is reserved, paid and shipped, or taken back.

local neap = require "neap"
local shop = require "shop"

-- Stock: what lies free of an item, and what is set aside for which order.
local of_order = { item = "string", order_id = "string" }
local StockArrived = shop:event "StockArrived" { item = "string", quantity = "integer" }
local StockReserved = shop:event "StockReserved" (of_order)
local StockReleased = shop:event "StockReleased" (of_order)
local StockRemoved = shop:event "StockRemoved" (of_order)
shop:command "ReceiveStock" { item = "string", quantity = "integer" }
local ReserveStock = shop:command "ReserveStock" (of_order)
local ReleaseStock = shop:command "ReleaseStock" (of_order)
local RemoveStock = shop:command "RemoveStock" (of_order)

shop:aggregate "Stock" {
  key = "item",
  initial = { free = 0, reserved = {} },

  commands = {
    ReceiveStock = function(_, command) return StockArrived(command) end,

    ReserveStock = function(stock, command)
      if stock.reserved[command.order_id] then return end
      if stock.free == 0 then return neap.reject("sold_out", command.item .. " is sold out") end
      return StockReserved(command)
    end,

    ReleaseStock = function(stock, command)
      if stock.reserved[command.order_id] then return StockReleased(command) end
    end,

    RemoveStock = function(stock, command)
      if stock.reserved[command.order_id] then return StockRemoved(command) end
    end,
  },

  events = {
    StockArrived = function(stock, event) stock.free = stock.free + event.quantity end,
    StockReserved = function(stock, event)
      stock.free = stock.free - 1
      stock.reserved[event.order_id] = true
    end,
    StockReleased = function(stock, event)
      stock.free = stock.free + 1
      stock.reserved[event.order_id] = nil
    end,
    StockRemoved = function(stock, event) stock.reserved[event.order_id] = nil end,
  },
}

-- Payment: it is asked for, and paid or withdrawn. What was paid is given back.
local amount = { order_id = "string", amount = "integer" }
local PaymentRequested = shop:event "PaymentRequested" (amount)
local PaymentReceived = shop:event "PaymentReceived" (amount)
local PaymentWithdrawn = shop:event "PaymentWithdrawn" { order_id = "string" }
local PaymentRefunded = shop:event "PaymentRefunded" (amount)
local RequestPayment = shop:command "RequestPayment" (amount)
local WithdrawPayment = shop:command "WithdrawPayment" { order_id = "string" }
shop:command "Pay" (amount)

shop:aggregate "Payment" {
  key = "order_id",
  initial = { status = "none" },

  commands = {
    RequestPayment = function(payment, command)
      if payment.status == "none" then return PaymentRequested(command) end
    end,

    Pay = function(payment, command)
      if payment.status ~= "requested" then
        return neap.reject("nothing_due", "nothing is to be paid", { status = payment.status })
      elseif command.amount ~= payment.amount then
        return neap.reject("other_amount", "another amount is due", { due = payment.amount })
      end
      return PaymentReceived(command)
    end,

    WithdrawPayment = function(payment, command)
      if payment.status == "requested" then
        return PaymentWithdrawn(command)
      elseif payment.status == "received" then
        return PaymentRefunded { order_id = command.order_id, amount = payment.amount }
      end
    end,
  },

  events = {
    PaymentRequested = function(payment, event)
      payment.status, payment.amount = "requested", event.amount
    end,
    PaymentReceived = function(payment, event)
      payment.status, payment.paid = "received", event.amount
    end,
    PaymentWithdrawn = function(payment) payment.status = "withdrawn" end,
    PaymentRefunded = function(payment) payment.status = "refunded" end,
  },
}

-- Fulfilment: from stock to payment to parcel. Each step says how it is taken back.
shop:saga "fulfilment" {
  key = "order_id",
  starts = { "OrderPlaced" },

  events = {
    OrderPlaced = function(saga, event, context)
      saga.item, saga.total = event.item or "gift card", event.total
      context:compensate("CancelOrder", { order_id = context.key })
      context:send(ReserveStock { item = saga.item, order_id = context.key })
    end,

    StockReserved = function(saga, _, context)
      context:compensate(ReleaseStock { item = saga.item, order_id = context.key })
      context:compensate(WithdrawPayment { order_id = context.key })
      context:send(RequestPayment { order_id = context.key, amount = saga.total })
      context:timeout("payment", 15 * 60)
    end,

    PaymentReceived = function(_, _, context)
      context:cancel "payment"
      context:send("ShipOrder", { order_id = context.key })
    end,

    OrderShipped = function(saga, _, context)
      context:send(RemoveStock { item = saga.item, order_id = context.key })
      context:complete()
    end,

    OrderCancelled = function(_, _, context) context:fail "cancelled" end,
  },

  timeouts = { payment = function(_, context) context:fail "not paid in time" end },
  rejections = {
    ReserveStock = function(_, rejection, context) context:fail(rejection.message) end,
    ShipOrder = function(_, rejection, context) context:fail(rejection.message) end,
  },
}

-- What each customer bought, to be looked up.
shop:projection "customers" {
  key = "customer",
  events = {
    OrderPlaced = function(customer, event)
      customer.orders = (customer.orders or 0) + 1
      customer.total = (customer.total or 0) + event.total
    end,
  },
}

-- What came in and was not given back, as rows that SQL can count.
shop:projection "payments" {
  schema = "CREATE TABLE {payments} (order_id TEXT PRIMARY KEY, amount INTEGER NOT NULL)",
  events = {
    PaymentReceived = function(sql, event)
      sql("INSERT INTO {payments} VALUES (?, ?)", event.order_id, event.amount)
    end,
    PaymentRefunded = function(sql, event)
      sql("DELETE FROM {payments} WHERE order_id = ?", event.order_id)
    end,
  },
}

shop:answer(shop:query "Revenue" { least = "integer?" }, function(query, context)
  local rows = context:select("payments", [[
    SELECT count(*) AS orders, coalesce(sum(amount), 0) AS total FROM {payments} WHERE amount >= ?
  ]], query.least or 0)
  return rows[1]
end)

-- Who ordered hears of it.
shop:service("mail", function()
  return { send = function(order_id, text) print(order_id .. ": " .. text) end }
end)

local function tell(text)
  return function(event, context) context.services.mail.send(event.order_id, text) end
end

shop:subscriber "mailer" {
  events = {
    PaymentRequested = tell "please pay within 15 minutes",
    OrderShipped = tell "your parcel is on its way",
    OrderCancelled = tell "your order was cancelled",
  },
}

return shop
