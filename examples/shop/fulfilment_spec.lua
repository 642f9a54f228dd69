-- What follows from an order: stock, payment, parcel, and the way back.

local spec = require "neap.spec"
local shop = spec.domain "fulfilment.lua"

local order = { item = "lamp", order_id = "o-1" }
local due = { order_id = "o-1", amount = 4200 }
local one_lamp = shop.StockArrived { item = "lamp", quantity = 1 }
local placed = shop.OrderPlaced {
  order_id = "o-1", customer = "ada", total = 4200, item = "lamp",
}
local reserved, requested = shop.StockReserved(order), shop.PaymentRequested(due)

describe("an order for a lamp", function()
  local function given(...)
    return shop:services { mail = spec.fake { "send" } }:given { ... }
  end

  it("is reserved, and waits for its payment", function()
    given(one_lamp, placed)
      :expect_follows(reserved, requested)
      :expect_saga("fulfilment", "o-1", { status = "running", timeouts = { payment = 900 } })
      :expect_called("mail", "send", "o-1", "please pay within 15 minutes")
      :expect_document("customers", "ada", { orders = 1, total = 4200 })
  end)

  it("ships when it is paid", function()
    given(one_lamp, placed)
      :expect_follows(reserved, requested)
      :when(shop.Pay(due))
      :expect(shop.PaymentReceived(due))
      :expect_follows(shop.OrderShipped { order_id = "o-1" }, shop.StockRemoved(order))
      :expect_saga("fulfilment", "o-1", { status = "completed" })
      :expect_state("Stock", "lamp", { free = 0, reserved = {} })
      :expect_rows("payments", { due })
      :expect_answer("Revenue", { orders = 1, total = 4200 })
  end)

  it("is taken back when nobody pays, the last step first", function()
    given(one_lamp, placed)
      :expect_follows(reserved, requested)
      :advance(15 * 60)
      :expect_follows(shop.PaymentWithdrawn { order_id = "o-1" }, shop.StockReleased(order),
        shop.OrderCancelled { order_id = "o-1" })
      :expect_saga("fulfilment", "o-1", { status = "failed", reason = "not paid in time" })
      :when(shop.Pay(due))
      :expect_rejection "nothing_due"
  end)

  it("is cancelled when lamps are sold out", function()
    given(placed)
      :expect_follows(shop.OrderCancelled { order_id = "o-1" })
      :expect_calls("mail", { { "send", "o-1", "your order was cancelled" } })
      :expect_saga("fulfilment", "o-1", { status = "failed", reason = "lamp is sold out" })
  end)

  it("gives the money back when it was cancelled meanwhile", function()
    given(one_lamp, placed)
      :expect_follows(reserved, requested)
      :given { shop.PaymentReceived(due), shop.OrderCancelled { order_id = "o-1" } }
      :expect_follows(shop.PaymentRefunded(due), shop.StockReleased(order))
      :expect_rows("payments", {})
  end)
end)

describe("a payment", function()
  it("is of the amount that is due", function()
    shop:services { mail = spec.fake { "send" } }
      :given { requested }
      :when(shop.Pay { order_id = "o-1", amount = 1 })
      :expect_rejection("other_amount", "another amount is due", { due = 4200 })
  end)
end)
