-- What the shop decides. Run it with `neap spec examples/shop`, or with busted in Lua 5.4.

local spec = require "neap.spec"
local shop = spec.domain "shop.lua"
local OrderPlaced, OrderShipped = shop.OrderPlaced, shop.OrderShipped
local OrderCancelled, CancelOrder = shop.OrderCancelled, shop.CancelOrder
local PlaceOrder, ShipOrder, GetOrder = shop.PlaceOrder, shop.ShipOrder, shop.GetOrder

local placed = OrderPlaced { order_id = "o-1", customer = "ada", total = 4200 }

describe("an order", function()
  it("is placed", function()
    shop:when(PlaceOrder { order_id = "o-1", customer = "ada", total = 4200 })
      :expect(placed)
      :expect_state("Order", "o-1", { status = "placed", customer = "ada", total = 4200 })
  end)

  it("is placed once", function()
    shop:given { placed }
      :when(PlaceOrder { order_id = "o-1", customer = "bob", total = 100 })
      :expect_rejection("already_placed", "the order is already placed")
  end)

  it("ships when it is placed", function()
    shop:given { placed }
      :when(ShipOrder { order_id = "o-1", tracking = "T-77" })
      :expect(OrderShipped { order_id = "o-1", tracking = "T-77" })
      :expect_answer(GetOrder { order_id = "o-1" }, {
        status = "shipped", customer = "ada", total = 4200, tracking = "T-77",
      })
  end)

  it("does not ship before that, nor twice", function()
    shop:when(ShipOrder { order_id = "o-1" }):expect(spec.rejection "not_placed")
    shop:given { placed, ShipOrder { order_id = "o-1" } }
      :when(ShipOrder { order_id = "o-1" })
      :expect_rejection "not_placed"
  end)

  it("is cancelled until it has shipped", function()
    shop:given { placed }
      :when(CancelOrder { order_id = "o-1" })
      :expect(OrderCancelled { order_id = "o-1" })
      :when(ShipOrder { order_id = "o-1" }):expect_rejection "not_placed"
    shop:given { placed, ShipOrder { order_id = "o-1" } }
      :when(CancelOrder { order_id = "o-1" }):expect_rejection "shipped"
  end)
end)
