-- The same decisions and folds as shop.lua, as plain Lua functions: what remains if a runtime
-- cost nothing.
local bare = {}

function bare.decide(order, command)
  if order.lines < 0 then return nil end
  local event = {
    order_id = command.order_id, sku = command.sku, quantity = command.quantity,
    price = command.price, note = command.note,
  }
  order.lines = order.lines + 1
  order.total = order.total + event.quantity * event.price
  return event
end

function bare.event(i)
  return {
    order_id = "o-" .. i % 1000, sku = "sku-0123456789", quantity = i % 7 + 1, price = 12.5,
    note = "a note of about sixty bytes, so that an event has its length",
  }
end

function bare.events(count)
  local events = {}
  for i = 1, count do events[i] = bare.event(i) end
  return events
end

local function line_added(order, event)
  order.lines = order.lines + 1
  order.total = order.total + event.quantity * event.price
end

function bare.fold(events)
  local order = { lines = 0, total = 0 }
  local folds = { LineAdded = line_added }
  for i = 1, #events do folds.LineAdded(order, events[i]) end
  return order.lines
end

return bare
