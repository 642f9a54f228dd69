-- Uses the shop from plain lua5.4, through the installed module.
local neap = require "neap"

local runtime <close> = assert(neap.open("shop.lua", { store = "memory:" }))
local receipt = assert(runtime:dispatch("PlaceOrder", {
  order_id = "o-1", customer = "ada", total = 4200,
}))
local order = assert(runtime:query("GetOrder", { order_id = "o-1" }))
print(("%s %d %s %s %d"):format(receipt.stream, receipt.version, order.status, order.customer,
  order.total))
