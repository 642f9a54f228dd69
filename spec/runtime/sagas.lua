-- Orders that go well and that go wrong: what sagas are tried with.
local neap = require "neap"
local shop = neap.domain "shop"

local order = { id = "string", how = "string" }
local Placed = shop:event "Placed" (order)
shop:command "Place" (order)
local Reserved, Reserve = shop:event "Reserved" (order), shop:command "Reserve" (order)
local Released, Release = shop:event "Released" (order), shop:command "Release" (order)
local Paid, Pay = shop:event "Paid" (order), shop:command "Pay" (order)
local Refunded, Refund = shop:event "Refunded" (order), shop:command "Refund" (order)
local Shipped, Ship = shop:event "Shipped" (order), shop:command "Ship" (order)

local function count(state) state.count = (state.count or 0) + 1 end

shop:aggregate "Order" {
  key = "id", initial = {},
  commands = {
    Place = function(_, command) return Placed(command) end,
    Ship = function(_, command)
      if command.how == "no courier" then return neap.reject("refused", "nobody drives there") end
      return Shipped(command)
    end,
  },
  events = { Placed = count, Shipped = count },
}

shop:aggregate "Stock" {
  key = "id", initial = {},
  commands = {
    Reserve = function(_, command) return Reserved(command) end,
    Release = function(_, command)
      if command.how == "stuck" then return neap.reject("stuck", "it cannot be released") end
      return Released(command)
    end,
  },
  events = { Reserved = count, Released = count },
}

shop:aggregate "Payment" {
  key = "id", initial = {},
  commands = {
    Pay = function(_, command)
      if command.how == "declined" or command.how == "stuck" then
        return neap.reject("declined", "the card was declined")
      end
      return Paid(command)
    end,
    Refund = function(_, command) return Refunded(command) end,
  },
  events = { Paid = count, Refunded = count },
}

local function note(saga, what) saga.steps[#saga.steps + 1] = what end

shop:saga "fulfilment" {
  key = "id", initial = { steps = {} }, starts = { "Placed" }, partitions = 2,
  events = {
    Placed = function(saga, event, context)
      note(saga, "placed")
      context:send(Reserve(event))
      context:compensate(Release(event))
      context:timeout("payment", 900)
    end,
    Reserved = function(saga, event, context)
      note(saga, "reserved")
      if event.how == "late" then return end
      context:send(Pay(event))
      context:compensate(Refund(event))
    end,
    Paid = function(saga, event, context)
      note(saga, "paid")
      context:cancel "payment"
      context:send(Ship(event), { after = event.how == "slow" and 2000 or 0, name = "ship" })
    end,
    Shipped = function(saga, _, context)
      note(saga, "shipped")
      context:complete()
    end,
  },
  timeouts = {
    payment = function(saga, context)
      note(saga, "late")
      context:fail "no payment in time"
    end,
  },
  rejections = {
    Pay = function(saga, rejection, context)
      note(saga, rejection.code)
      context:fail(rejection.message)
    end,
  },
}

return shop
