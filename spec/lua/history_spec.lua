-- What was, at any position of a store's log.

local neap = require "neap"
local history = require "neap.history"
local domains = require "spec.lua.domains"

local shop_lua = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "OrderPlaced" { order_id = "string", total = "integer" }
local Paid = shop:event "OrderPaid" { order_id = "string", by = "string" }
local Shipped = shop:event "OrderShipped" { order_id = "string" }
shop:command "PlaceOrder" { order_id = "string", total = "integer" }
local PayOrder = shop:command "PayOrder" { order_id = "string", by = "string" }
shop:command "ShipOrder" { order_id = "string" }
local GetOrder = shop:query "GetOrder" { order_id = "string" }
local ShipAll = shop:query "ShipAll" {}
shop:aggregate "Order" {
  key = "order_id",
  initial = { status = "new" },
  commands = {
    PlaceOrder = function(_, c) return Placed { order_id = c.order_id, total = c.total } end,
    PayOrder = function(_, c) return Paid { order_id = c.order_id, by = c.by } end,
    ShipOrder = function(_, c) return Shipped { order_id = c.order_id } end,
  },
  events = {
    OrderPlaced = function(order, e) order.status, order.total = "placed", e.total end,
    OrderPaid = function(order, e) order.status, order.payment = "paid", { by = e.by } end,
    OrderShipped = function(order) order.status = "shipped" end,
  },
  snapshot = { every = 2 },
}
local folds = {
  OrderPlaced = function(doc, e)
    doc.orders, doc.total = (doc.orders or 0) + 1, (doc.total or 0) + e.total
  end,
  OrderPaid = function(doc) doc.paid = (doc.paid or 0) + 1 end,
  OrderShipped = function(doc) doc.shipped = (doc.shipped or 0) + 1 end,
}
shop:projection "orders" { key = "order_id", events = folds }
shop:projection "within" { key = "order_id", inline = true, events = folds }
shop:projection "demanded" { key = "order_id", live = true, events = folds }
shop:projection "payers" {
  key = "by",
  events = {
    OrderPaid = function(doc, e)
      if e.by == "nobody" then error "nobody pays" end
      doc.paid = (doc.paid or 0) + 1
    end,
  },
}
shop:saga "fulfilment" {
  key = "order_id", initial = { seen = 0 }, starts = { "OrderPlaced" },
  events = {
    OrderPlaced = function(saga, e, context)
      saga.seen = saga.seen + 1
      context:send(PayOrder { order_id = e.order_id, by = "saga" })
    end,
    OrderShipped = function(_, _, context) context:complete() end,
  },
}
shop:service("mail", function() error "a past makes no service" end)
shop:subscriber "mailer" { events = { OrderShipped = function() error "it acts" end } }
shop:answer(GetOrder, function(query, context)
  return context:find("orders", query.order_id) or false
end)
shop:answer(ShipAll, function(_, context)
  return context:dispatch("ShipOrder", { order_id = "o-1" })
end)
return shop
]]
local folder, path, url

local function open_store(options)
  options = options or {}
  options.store = url
  options.subscriptions = ""
  -- Without its subscriptions it makes no service either, so the service is replaced.
  options.services = { mail = "mail" }
  return assert(neap.open(path, options))
end

local function bytes_of(name)
  local file <close> = assert(io.open(folder .. "/" .. name, "rb"))
  return file:read "a"
end

local function place(runtime, id, total)
  return assert(runtime:dispatch("PlaceOrder", { order_id = id, total = total }))
end

local function open_history(options)
  options = options or {}
  options.store = url
  return assert(history.open(path, options))
end

-- The documents of "orders", folded here.
local function folded(events, position)
  local documents = {}
  for i = 1, position do
    local event = events[i]
    local doc = documents[event.data.order_id] or {}
    documents[event.data.order_id] = doc
    if event.type == "OrderPlaced" then
      doc.orders = (doc.orders or 0) + 1
      doc.total = (doc.total or 0) + event.data.total
    elseif event.type == "OrderPaid" then
      doc.paid = (doc.paid or 0) + 1
    else
      doc.shipped = (doc.shipped or 0) + 1
    end
  end
  return documents
end

local function listed(past, projection)
  local documents = {}
  for _, each in ipairs(assert(past:list(projection))) do
    documents[each.key] = each.document
  end
  return documents
end

describe("a history", function()
  before_each(function()
    folder = domains.write { ["shop.lua"] = shop_lua, ["mail.lua"] = "return {}" }
    path, url = folder .. "/shop.lua", "sqlite:" .. folder .. "/shop.db"
  end)

  after_each(function()
    domains.remove(folder)
  end)

  -- Some orders, placed, paid and shipped in an order that chance says.
  local function fill(count)
    local runtime <close> = open_store()
    local commands = { "PlaceOrder", "PayOrder", "ShipOrder" }
    for _ = 1, count do
      local name = commands[math.random(3)]
      assert(runtime:dispatch(name, {
        order_id = "o-" .. math.random(5),
        total = name == "PlaceOrder" and math.random(100) or nil,
        by = name == "PayOrder" and "ada" or nil,
      }))
    end
    local events = {}
    for event in runtime:events() do events[#events + 1] = event end
    return events
  end

  it("answers as of any position, in any order of asking", function()
    local events = fill(60)
    for _, options in ipairs {
      {}, { checkpoint_spacing = 7 }, { checkpoint_spacing = 2, checkpoint_bytes = 4000 },
    } do
      local shop <close> = open_history(options)
      for _ = 1, 25 do
        local position = math.random(0, #events)
        local past <close> = assert(shop:at(position))
        local wanted = folded(events, position)
        assert.equal(position, past:position())
        assert.same(wanted, listed(past, "orders"))
        assert.same(wanted, listed(past, "within"))
        for id, document in pairs(wanted) do
          assert.same(document, past:find("demanded", id))
          assert.same(document, past:query("GetOrder", { order_id = id }))
        end
      end
    end
  end)

  it("moves a past on", function()
    local events = fill(30)
    local shop <close> = open_history { checkpoint_spacing = 4 }
    local past <close> = assert(shop:at(0))
    for position = 0, #events do
      assert(past:forward(position))
      assert.same(folded(events, position), listed(past, "orders"))
    end
    local ok, err = past:forward(3)
    assert.is_nil(ok)
    assert.equal("usage", err.code)
    assert.matches("the past is at 30, behind 3", err.message, 1, true)
  end)

  it("shows states, streams and events up to there alone", function()
    do
      local runtime <close> = open_store()
      place(runtime, "o-1", 10)
      place(runtime, "o-2", 20)
      for _ = 1, 5 do
        assert(runtime:dispatch("PayOrder", { order_id = "o-1", by = "ada" }))
      end
      assert(runtime:dispatch("ShipOrder", { order_id = "o-1" }))
    end
    local shop <close> = open_history()
    local early <close> = assert(shop:at(2))
    local late <close> = assert(shop:at())
    assert.same({ status = "placed", total = 10 }, early:state("Order", "o-1"))
    assert.equal("shipped", late:state("Order", "o-1").status)
    assert.equal("paid", late:state("Order", "o-1", 3).status)
    local state, err = early:state("Order", "o-1", 3)
    assert.is_nil(state)
    assert.equal("unknown", err.code)
    assert.same({ { stream = "Order-o-1", version = 1, first = 1, last = 1 },
      { stream = "Order-o-2", version = 1, first = 2, last = 2 } }, early:streams())
    assert.same({ { stream = "Order-o-1", version = 7, first = 1, last = 8 } },
      late:streams { limit = 1 })
    assert.same({ "Order-o-2" }, { late:streams({ behind = "Order-o-1" })[1].stream })
    assert.same({}, late:streams { prefix = "Payment" })
    local seen = {}
    for event in early:events { stream = "Order-o-1" } do seen[#seen + 1] = event.position end
    for event in early:events { backward = true } do seen[#seen + 1] = event.position end
    for event in late:events { stream = "Order-o-1", backward = true, limit = 2 } do
      seen[#seen + 1] = event.position
    end
    for event in early:events { stream = "Order-o-1", backward = true } do
      seen[#seen + 1] = event.position
    end
    assert.same({ 1, 2, 1, 8, 7, 1 }, seen)
    assert.is_nil(early:event(3))
    assert.equal("OrderPaid", late:event(3).type)
  end)

  it("folds sagas without acting", function()
    do
      local runtime <close> = open_store()
      place(runtime, "o-1", 10)
      assert(runtime:dispatch("ShipOrder", { order_id = "o-1" }))
    end
    local shop <close> = open_history()
    local early <close> = assert(shop:at(1))
    local late <close> = assert(shop:at(2))
    assert.equal("running", early:saga("fulfilment", "o-1").status)
    assert.same({ seen = 1 }, early:saga("fulfilment", "o-1").state)
    assert.equal("completed", late:saga("fulfilment", "o-1").status)
    assert.equal(1, #late:sagas())
    assert.is_nil(late:event(3))
  end)

  it("takes times and ids for positions", function()
    fill(10)
    local shop <close> = open_history()
    local past <close> = assert(shop:at())
    for position = 1, 10 do
      local event = past:event(position)
      assert.equal(position, shop:position(event.id))
      local time = require("neap.time").format(event.recorded_at)
      local found = assert(shop:position(time))
      assert.is_true(found >= position)
      assert.equal(event.recorded_at, past:event(found).recorded_at)
    end
    assert.equal(0, shop:position "2001-02-03")
    assert.equal(10, shop:position "2999-12-31T23:59")
    local position, err = shop:position "01234567-89ab-7def-8123-456789abcdef"
    assert.is_nil(position)
    assert.equal("unknown", err.code)
    assert.has_error(function() shop:at "yesterday" end)
    assert.has_error(function() shop:at(-1) end)
    assert.has_error(function() shop:at(1.5) end)
    position, err = shop:at(11)
    assert.is_nil(position)
    assert.equal("unknown: there is no position 11: the last event is 10", tostring(err))
  end)

  it("takes no commands", function()
    fill(3)
    local before = bytes_of "shop.db"
    do
      local shop <close> = open_history()
      local past <close> = assert(shop:at())
      assert.has_error(function() past:dispatch("ShipOrder", {}) end)
      local receipt, err = past:query "ShipAll"
      assert.is_nil(receipt)
      assert.equal("handler", err.code)
      assert.is_nil(past:event(4))
    end
    assert.equal(before, bytes_of "shop.db")
  end)

  it("leaves a store that nobody has open as it is, to the byte", function()
    fill(20)
    local before = bytes_of "shop.db"
    do
      local shop <close> = open_history { checkpoint_spacing = 3 }
      for position = 0, 20, 5 do
        local past <close> = assert(shop:at(position))
        past:list "orders"
        past:streams()
      end
    end
    assert.equal(before, bytes_of "shop.db")
  end)

  it("never moves the WAL, and sees what others write", function()
    -- Without lanes the writer does not move it either, as nothing happens between its calls.
    local runtime <close> = open_store { lanes = 0 }
    place(runtime, "o-1", 10)
    local main, log = bytes_of "shop.db", #bytes_of "shop.db-wal"
    assert.is_true(log > 0)
    local shop <close> = open_history()
    local past <close> = assert(shop:at())
    assert.equal(1, past:position())
    past:close()
    assert.equal(main, bytes_of "shop.db")
    place(runtime, "o-2", 10)
    assert.is_true(#bytes_of "shop.db-wal" > log)
    local later <close> = assert(shop:at())
    assert.equal(2, later:position())
  end)

  it("asks whether to go on", function()
    fill(10)
    local asked, wanted = {}, false
    local shop <close> = open_history {
      checkpoint_spacing = 4,
      go_on = function(position, target)
        asked[#asked + 1] = { position, target }
        return wanted
      end,
    }
    local past, err = shop:at(9)
    assert.is_nil(past)
    assert.equal("unavailable: stopped at position 0, on the way to 9", tostring(err))
    asked, wanted = {}, true
    assert(shop:at(9)):close()
    assert.same({ { 0, 9 }, { 4, 9 }, { 8, 9 } }, asked)
    assert(shop:at(9)):close()
    assert.same({ 8, 9 }, asked[4])
    assert.equal(4, #asked)
    local failing <close> = open_history { go_on = function() error("not me", 0) end }
    assert.has_error(function() failing:at(9) end, "not me")
  end)

  it("folds from what is kept when the REPL goes far, either way", function()
    fill(20)
    local asked = {}
    local session = assert(require("neap.repl").open {
      domain = path, store = url, checkpoint_spacing = 4, print = function() end,
      go_on = function(position, target)
        asked[#asked + 1] = { position, target }
        return true
      end,
    })
    session:begin()
    for _, each in ipairs { { 1, { { 0, 1 } } }, { 18, { { 16, 18 } } }, { 20, { { 18, 20 } } },
      { 10, { { 8, 10 } } } } do
      asked = {}
      session:move(each[1])
      assert.same(each[2], asked)
    end
    session:close()
  end)

  it("may be called by what it asks, in another coroutine too", function()
    fill(10)
    local shop, asked, inner = nil, 0, nil
    shop = assert(open_history {
      checkpoint_spacing = 4,
      go_on = function(_, target)
        if target ~= 9 then return true end
        asked = asked + 1
        if asked == 2 then error("not me", 0) end
        coroutine.wrap(function()
          local past <close> = assert(shop:at(2))
          inner = past:position()
        end)()
        collectgarbage()
        return true
      end,
    })
    assert.has_error(function() shop:at(9) end, "not me")
    assert.same({ 2, 2 }, { asked, inner })
    shop:close()
  end)

  it("goes on when a projection stops, and tells it", function()
    do
      local runtime <close> = open_store()
      place(runtime, "o-1", 10)
      for _, by in ipairs { "ada", "nobody", "ada" } do
        assert(runtime:dispatch("PayOrder", { order_id = "o-1", by = by }))
      end
    end
    local shop <close> = open_history()
    local past <close> = assert(shop:at())
    assert.equal(3, past:find("orders", "o-1").paid)
    assert.equal(1, past:find("payers", "ada").paid)
    local states = {}
    for _, each in ipairs(past:subscriptions()) do states[each.name] = each end
    assert.equal("live", states.orders.state)
    assert.equal("stopped", states.payers.state)
    assert.equal(3, states.payers.partitions[1].stopped_at)
    local before <close> = assert(shop:at(2))
    assert.equal(1, before:find("payers", "ada").paid)
  end)

  it("says why a field is what it is", function()
    do
      local runtime <close> = open_store()
      place(runtime, "o-1", 10)
      assert(runtime:dispatch("PayOrder", { order_id = "o-1", by = "ada" }))
      assert(runtime:dispatch("PayOrder", { order_id = "o-1", by = "bob" }))
      assert(runtime:dispatch("ShipOrder", { order_id = "o-1" }))
    end
    local shop <close> = open_history()
    local past <close> = assert(shop:at())
    local why = past:why("Order", "o-1", "payment.by")
    assert.equal(3, why.event.position)
    assert.equal("ada", why.old)
    assert.equal("bob", why.new)
    assert.equal("PayOrder", why.command.name)
    assert.same({ order_id = "o-1", by = "bob" }, why.command.data)
    assert.matches("shop.lua:21$", why.folded_in)
    assert.matches("shop.lua:16$", why.decided_in)
    assert.equal(why.folded_in, past:handler_of("Order", "OrderPaid"))
    assert.matches("shop.lua:39$", past:handler_of("payers", "OrderPaid"))
    assert.is_nil(past:handler_of("Order", "PayOrder"))
    assert.is_nil(past:handler_of("payers", "OrderPlaced"))
    assert.is_nil(past:handler_of(nil, "OrderPaid"))
    assert.same({ "OrderPaid", "PayOrder" }, { why.causes[1].name, why.causes[2].name })
    assert.equal(1, past:why("Order", "o-1", "total").event.position)
    assert.equal(3, past:why("Order", "o-1", "payment").event.position)
    assert.is_nil(past:why("Order", "o-1", "pay"))
    local seen = {}
    for event, changes in past:changes("Order", "o-1") do
      seen[#seen + 1] = { event.version, changes[1].path, changes[1].old, changes[1].new }
    end
    assert.same({ 1, "status", nil, "placed" }, seen[1])
    assert.same({ 3, "payment.by", "ada", "bob" }, seen[3])
    assert.same({ 4, "status", "paid", "shipped" }, seen[4])
  end)

  it("finds events, and what one message set off", function()
    do
      local runtime <close> = open_store()
      for i = 1, 3 do place(runtime, "o-" .. i, i) end
    end
    local shop <close> = open_history()
    local past <close> = assert(shop:at())
    local function above(total)
      return function(data) return data.total > total end
    end
    assert.equal(2, past:search("OrderPlaced", above(1)).position)
    assert.equal(3, past:search("OrderPlaced", above(1), { backward = true }).position)
    assert.equal(3, past:search("OrderPlaced", nil, { from = 3 }).position)
    assert.is_nil(past:search("OrderPlaced", above(3)))
    assert.is_nil(past:search "OrderPaid")
    local roots = past:trace(2)
    assert.equal("PlaceOrder", roots[1].name)
    assert.equal("OrderPlaced", roots[1].children[1].name)
    assert.equal(1, #roots)
    assert.is_nil(past:trace(9))
  end)

  it("says what is wrong with what it is given", function()
    assert.has_error(function() history.open() end)
    local missing, err = history.open(path, { store = url })
    assert.is_nil(missing)
    assert.equal("unknown", err.code)
    fill(1)
    assert.has_error(function() history.open(path, { shop = 1 }) end)
    assert.has_error(function() history.open(path, { store = url, go_on = true }) end)
    local opened = open_history()
    opened:close()
    opened:close()
    assert.has_error(function() opened:at() end)
    local again = open_history()
    local past = assert(again:at())
    again:close()
    assert.equal(1, past:position())
    past:close()
    past:close()
    assert.has_error(function() past:list "orders" end)
  end)
end)
