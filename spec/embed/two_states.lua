-- The steps of two_states.c.

local neap = require "neap"

local steps = {}
local shop

function steps.open(number, store)
  shop = assert(neap.open(os.getenv "NEAP_SOURCE" .. "/examples/shop/shop.lua", { store = store }))
  assert(shop:dispatch("PlaceOrder", { order_id = "o-" .. number, customer = "ada", total = 1 }))
end

function steps.find_busy(_, store)
  local runtime, err = neap.open(os.getenv "NEAP_SOURCE" .. "/examples/shop/shop.lua",
    { store = store })
  assert(not runtime and err.code == "busy", tostring(err))
end

function steps.go_on()
  assert(shop:query("GetOrder", { order_id = "o-1" }).customer == "ada")
  assert(shop:dispatch("ShipOrder", { order_id = "o-1" }))
  assert(shop:dispatch("ShipOrder", { order_id = "o-2" }))
end

return steps
