-- Branches of a history: what would have happened.

local neap = require "neap"
local history = require "neap.history"
local native = require "neap.internal".history
local domains = require "spec.lua.domains"

local shop_lua = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "OrderPlaced" { order = "string", total = "integer" }
local Paid = shop:event "OrderPaid" { order = "string" }
local Shipped = shop:event "OrderShipped" { order = "string" }
local Dropped = shop:event "OrderDropped" { order = "string", at = "integer" }
shop:command "PlaceOrder" { order = "string", total = "integer" }
shop:command "PayOrder" { order = "string" }
local ShipOrder = shop:command "ShipOrder" { order = "string" }
local DropOrder = shop:command "DropOrder" { order = "string" }
local Charge = shop:command "Charge" { order = "string" }
local Orders = shop:query "Orders" {}
shop:aggregate "Order" {
  key = "order",
  initial = { status = "new" },
  commands = {
    PlaceOrder = function(order, c)
      if order.status ~= "new" then return neap.reject("placed", "it is placed already") end
      return Placed { order = c.order, total = c.total }
    end,
    PayOrder = function(_, c) return Paid { order = c.order } end,
    ShipOrder = function(_, c) return Shipped { order = c.order } end,
    DropOrder = function(order, c, context)
      if order.status ~= "placed" then return neap.reject("late", "it is " .. order.status) end
      return Dropped { order = c.order, at = context:now() }
    end,
  },
  events = {
    OrderPlaced = function(order, e) order.status, order.total = "placed", e.total end,
    OrderPaid = function(order) order.status = "paid" end,
    OrderShipped = function(order) order.status = "shipped" end,
    OrderDropped = function(order) order.status = "dropped" end,
  },
  snapshot = { every = 2 },
}
local function count(name)
  return function(doc) doc[name] = (doc[name] or 0) + 1 end
end
local folds = {
  OrderPlaced = function(doc, e) doc.total = e.total end,
  OrderPaid = count "paid", OrderShipped = count "shipped", OrderDropped = count "dropped",
}
shop:projection "orders" { key = "order", events = folds }
shop:projection "within" { key = "order", inline = true, events = folds }
shop:saga "fulfilment" {
  key = "order", initial = {}, starts = { "OrderPlaced" },
  events = {
    OrderPlaced = function(saga, e, context)
      saga.order = e.order
      context:timeout("payment", 3600)
    end,
    OrderPaid = function(saga, e, context)
      saga.paid = true
      context:cancel "payment"
      context:send(ShipOrder { order = e.order })
    end,
    OrderShipped = function(_, _, context) context:complete() end,
    OrderDropped = function(_, _, context) context:complete() end,
  },
  timeouts = {
    payment = function(saga, context) context:send(DropOrder { order = saga.order }) end,
  },
}
shop:service("bank", function() error "a branch makes no service" end)
shop:handle(Charge, function(command, context)
  local receipt = context.services.bank.charge(command.order, { cents = 100 })
  context:publish(Paid { order = command.order }, { stream = "Order-" .. command.order })
  if receipt and receipt.refused then return neap.reject("refused", receipt.refused) end
end)
shop:subscriber "mailer" { events = { OrderShipped = function() error "it acts" end } }
shop:answer(Orders, function(_, context) return #context:list "orders" end)
return shop
]]

-- What it sends has it send again, without an end.
local loop_lua = [[
local neap = require "neap"
local loop = neap.domain "loop"
local Noted = loop:event "Noted" { of = "string" }
local Turned = loop:event "Turned" { of = "string" }
loop:command "Note" { of = "string" }
local Turn = loop:command "Turn" { of = "string" }
loop:aggregate "Wheel" {
  key = "of",
  initial = { turns = 0 },
  commands = {
    Note = function(_, c) return Noted(c) end,
    Turn = function(_, c) return Turned(c) end,
  },
  events = {
    Noted = function() end,
    Turned = function(wheel) wheel.turns = wheel.turns + 1 end,
  },
}
loop:saga "turner" {
  key = "of", initial = {}, starts = { "Turned" },
  events = { Turned = function(_, e, context) context:send(Turn { of = e.of }) end },
}
return loop
]]

local school_lua = [[
local neap = require "neap"
local school = neap.domain "school"
local Enrolled = school:event("Enrolled", { tags = { "course", "student" } }) {
  course = "string", student = "string",
}
school:command "Enroll" { course = "string", student = "string" }
school:aggregate "Enrolment" {
  tags = { "course", "student" },
  initial = { count = 0 },
  commands = {
    Enroll = function(enrolment, c)
      if enrolment.count >= 2 then return neap.reject("full", "there is no place") end
      return Enrolled(c)
    end,
  },
  events = { Enrolled = function(enrolment) enrolment.count = enrolment.count + 1 end },
  snapshot = { every = 1 },
}
return school
]]

local folder, path, url

local function write(name, text)
  local file <close> = assert(io.open(folder .. "/" .. name, "w"))
  file:write(text)
  return folder .. "/" .. name
end

local function bytes_of(name)
  local file <close> = assert(io.open(folder .. "/" .. name, "rb"))
  return file:read "a"
end

-- o-1 was paid and shipped, o-2 and o-3 placed.
local function fill()
  local runtime <close> = assert(neap.open(path, {
    store = url, subscriptions = "", services = { bank = "bank" },
  }))
  local function dispatch(name, order, total)
    assert(runtime:dispatch(name, { order = order, total = total }))
  end
  dispatch("PlaceOrder", "o-1", 10)
  dispatch("PlaceOrder", "o-2", 20)
  dispatch("PayOrder", "o-1")
  dispatch("ShipOrder", "o-1")
  dispatch("PlaceOrder", "o-3", 30)
end

local function with_branch(work, options, at)
  local opened <close> = assert(history.open(path, { store = url }))
  local past <close> = assert(opened:at(at))
  local branch <close> = assert(past:branch(options))
  work(branch, past, opened)
end

local function types_of(events)
  local types = {}
  for event in events do
    types[#types + 1] = string.format("%d %s %d %s", event.position, event.stream, event.version,
      event.type)
  end
  return types
end

local function found(list, id)
  for _, it in ipairs(list) do
    if it.id == id then return it end
  end
end

describe("a branch", function()
  before_each(function()
    folder = domains.write {
      ["shop.lua"] = shop_lua, ["bank.lua"] = "return { charge = function() end }",
    }
    path, url = folder .. "/shop.lua", "sqlite:" .. folder .. "/shop.db"
    fill()
  end)

  after_each(function()
    domains.remove(folder)
  end)

  it("begins with what was, and takes commands that nobody else notices", function()
    local before = bytes_of "shop.db"
    with_branch(function(branch, past)
      assert.equal(5, branch:position())
      assert.equal("shipped", branch:state("Order", "o-1").status)
      assert.same(past:list "orders", branch:list "orders")
      local receipt = assert(branch:dispatch("PlaceOrder", { order = "o-4", total = 40 }))
      assert.equal(6, receipt.position)
      assert.equal(6, branch:position())
      assert.equal(40, branch:find("orders", "o-4").total)
      assert.equal(40, branch:find("within", "o-4").total)
      assert.equal(4, branch:query("Orders", {}))
      assert.equal("running", branch:saga("fulfilment", "o-4").status)
      assert.equal(5, past:position())
      assert.is_nil(past:find("orders", "o-4"))
      assert.equal(3, past:query("Orders", {}))
      assert.is_nil((past:state("Order", "o-4")))
    end)
    assert.equal(before, bytes_of "shop.db")
  end)

  it("does what sagas send, and judges versions behind those of the log", function()
    with_branch(function(branch)
      assert(branch:dispatch("PayOrder", { order = "o-2" }))
      assert.same({
        "6 Order-o-2 2 OrderPaid", "7 Order-o-2 3 OrderShipped",
      }, types_of(branch:events { from = 6 }))
      assert.same({
        "2 Order-o-2 1 OrderPlaced", "6 Order-o-2 2 OrderPaid", "7 Order-o-2 3 OrderShipped",
      }, types_of(branch:events { stream = "Order-o-2" }))
      assert.same({ "7 Order-o-2 3 OrderShipped", "6 Order-o-2 2 OrderPaid" },
        types_of(branch:events { backward = true, limit = 2 }))
      assert.same({ "3 Order-o-1 2 OrderPaid", "6 Order-o-2 2 OrderPaid" },
        types_of(branch:events { types = { "OrderPaid" } }))
      assert.equal("completed", branch:saga("fulfilment", "o-2").status)
      assert.equal("ShipOrder", branch:command(7).name)
      local _, err = branch:dispatch("PlaceOrder", { order = "o-1", total = 1 })
      assert.equal("placed", err.code)
      _, err = branch:publish("OrderPaid", { order = "o-2" },
        { stream = "Order-o-2", expected = 1 })
      assert.equal("conflict", err.code)
    end)
  end)

  it("has a clock that stands where the past ends", function()
    with_branch(function(branch, past)
      local recorded_at = past:event(5).recorded_at
      assert(branch:dispatch("DropOrder", { order = "o-2" }))
      assert.equal(recorded_at, branch:event(6).data.at)
      assert.equal(recorded_at, branch:event(6).recorded_at)
      assert(branch:advance(3601)) -- o-3 is not paid by then
      assert.equal("dropped", branch:state("Order", "o-3").status)
      assert.equal("shipped", branch:state("Order", "o-1").status)
    end)
    with_branch(function(branch)
      assert(branch:dispatch("DropOrder", { order = "o-2" }))
      assert.equal(1700000000000000, branch:event(6).data.at)
    end, { now = 1700000000 })
  end)

  it("leaves events out, or gives them other data", function()
    with_branch(function(branch, past)
      assert(branch:skip(3))
      assert.equal("shipped", branch:state("Order", "o-1").status)
      assert.is_nil(branch:find("orders", "o-1").paid)
      assert.is_nil(branch:saga("fulfilment", "o-1").state.paid)
      assert(branch:skip(4))
      assert.equal("placed", branch:state("Order", "o-1").status)
      assert(branch:edit(2, { total = 21 }))
      assert.equal(21, branch:state("Order", "o-2").total)
      assert(branch:edit(2, function(data) data.total = data.total + 1 end))
      assert.equal(22, branch:find("within", "o-2").total)
      assert(branch:dispatch("ShipOrder", { order = "o-1" }))
      assert.same({ 1, 1 }, { branch:find("orders", "o-1").shipped,
        past:find("orders", "o-1").paid })
      assert(branch:edit(1, { total = 11 })) -- what was dispatched stays
      assert.equal("shipped", branch:state("Order", "o-1").status)
      assert.equal("6 Order-o-1 4 OrderShipped", types_of(branch:events { from = 6 })[1])
      assert.equal(11, branch:find("orders", "o-1").total)
      assert.equal(10, past:find("orders", "o-1").total)
    end)
  end)

  it("refuses what cannot be an event of the log", function()
    with_branch(function(branch)
      local _, err = branch:edit(2, { total = "much" })
      assert.equal("invalid", err.code)
      assert.has_error(function() branch:skip(6) end)
      assert.has_error(function() branch:skip(0) end)
      assert.has_error(function() branch:edit(1) end)
      _, err = branch:dispatch("PlaceOrdr", {})
      assert.matches("PlaceOrder", err.message)
      assert.equal(20, branch:state("Order", "o-2").total)
    end)
  end)

  it("runs other functions, and another version of the domain", function()
    with_branch(function(branch, past)
      assert(branch:replace("Order", "ShipOrder", function(order, command)
        if order.status ~= "paid" then return neap.reject("unpaid", "pay first") end
        return OrderShipped(command) -- luacheck: ignore
      end))
      local _, err = branch:dispatch("ShipOrder", { order = "o-2" })
      assert.equal("unpaid", err.code)
      assert(branch:dispatch("PayOrder", { order = "o-2" }))
      assert.equal("shipped", branch:state("Order", "o-2").status)
      assert(branch:replace("orders", "OrderPlaced", "function(doc, e) doc.total = -e.total end"))
      assert.equal(-30, branch:find("orders", "o-3").total)
      assert.equal(30, past:find("orders", "o-3").total)
      local other = string.gsub(shop_lua, "order.total = \"placed\", e.total",
        'order.total = "placed", 2 * e.total')
      assert(branch:load(write("other.lua", other)))
      assert.equal(60, branch:state("Order", "o-3").total)
      _, err = branch:replace("Order", "ShpOrder", "function() end")
      assert.matches("ShipOrder", err.message)
      _, err = branch:replace("Order", "ShipOrder", "function(")
      assert.matches("Order.ShipOrder", err.message)
      local diff = assert(branch:diff())
      assert.same({}, diff.decisions)
      assert.equal(60, found(diff.states, "o-3").new.total)
      local outside = 1
      assert.has_error(function()
        branch:replace("Order", "ShipOrder", function() return outside end)
      end)
      assert.equal(60, branch:state("Order", "o-3").total)
    end)
  end)

  it("does what follows although a projection has stopped", function()
    local text = string.gsub(loop_lua, "Turn = function%(_, c%)",
      'Turn = function(wheel, c) if wheel.turns == 50 then return neap.reject("still", "") end')
    text = string.gsub(text, "loop:saga",
      'loop:projection "wheels" { key = "of", events = { Turned = error } } loop:saga')
    local wheels = domains.write { ["loop.lua"] = text }
    local store = "sqlite:" .. wheels .. "/loop.db"
    do
      local runtime <close> = assert(neap.open(wheels .. "/loop.lua", {
        store = store, subscriptions = "",
      }))
      assert(runtime:dispatch("Note", { of = "a" }))
    end
    local opened <close> = assert(history.open(wheels .. "/loop.lua", { store = store }))
    local past <close> = assert(opened:at())
    local branch <close> = assert(past:branch())
    assert(branch:dispatch("Turn", { of = "a" }))
    assert.equal(50, branch:state("Wheel", "a").turns)
    domains.remove(wheels)
  end)

  it("refuses what no list of functions is", function()
    with_branch(function(_, past)
      for _, text in ipairs { "5", "null", "[5]", '{"of":"Order"}', '[{"of":"Order"}]', "[[" } do
        local none, err = native.branch(past.runtime, { replace = text })
        assert.is_nil(none)
        assert.matches("^handler: replacements", tostring(err))
      end
      assert.has_error(function() native.branch(past.runtime, { edits = { 5 } }) end)
    end)
  end)

  it("notes what services are asked to do, and does nothing of it", function()
    with_branch(function(branch)
      local _, err = branch:dispatch("Charge", { order = "o-2" })
      assert.equal("too little", err.message)
      assert.same({ { service = "bank", name = "charge", arguments = { "o-2", { cents = 100 } } } },
        branch:calls())
      assert.equal(5, branch:position())
    end, { services = { bank = { charge = { refused = "too little" } } } })
    with_branch(function(branch)
      assert(branch:dispatch("Charge", { order = "o-2" }))
      assert.equal("shipped", branch:state("Order", "o-2").status)
    end)
    with_branch(function(_, past)
      local none, err = past:branch { services = { bnk = {} } }
      assert.is_nil(none)
      assert.equal("usage", err.code)
      assert.equal("option answers: the domain has no service 'bnk'; did you mean 'bank'?",
        err.message)
      none, err = past:branch { services = { bank = 5 } }
      assert.is_nil(none)
      assert.matches("what service 'bank' gives must be an object", err.message)
    end)
  end)

  it("tells which decisions its code would make otherwise", function()
    with_branch(function(branch)
      assert(branch:replace("Order", "ShipOrder", function()
        return neap.reject("never", "nothing ships")
      end))
      assert(branch:dispatch("PayOrder", { order = "o-2" })) -- it is no part of the log
      local diff = assert(branch:diff())
      assert.equal(1, #diff.decisions)
      local decision = diff.decisions[1]
      assert.same({ "ShipOrder", 4, "OrderShipped", "never" }, { decision.command,
        decision.position, decision.recorded[1].type, decision.after.error.code })
      assert.is_false(diff.more)
    end)
    with_branch(function(branch)
      assert(branch:skip(3))
      assert.same({}, assert(branch:diff()).decisions)
    end)
  end)

  it("tells where it differs", function()
    with_branch(function(branch)
      local diff = assert(branch:diff())
      assert.same({ 0, 0, 0, 0, 0 },
        { #diff.events, #diff.states, #diff.documents, #diff.sagas, #diff.commands })
      assert(branch:dispatch("PayOrder", { order = "o-2" }))
      diff = assert(branch:diff())
      assert.same({ { path = "status", old = "placed", new = "shipped" } },
        found(diff.states, "o-2").changes)
      assert.equal(1, #diff.states)
      assert.equal(2, #diff.documents)
      assert.same({ paid = 1, shipped = 1, total = 20 }, found(diff.documents, "o-2").new)
      assert.equal("completed", found(diff.sagas, "o-2").new.status)
      assert.same({ "ShipOrder", "fulfilment", "o-2", false, true },
        { diff.commands[1].command, diff.commands[1].saga, diff.commands[1].key,
          diff.commands[1].old, diff.commands[1].new })
      assert(branch:skip(3)) -- then nobody has o-1 shipped
      diff = assert(branch:diff())
      assert.same({ "ShipOrder", "o-1", true, false },
        { diff.commands[1].command, diff.commands[1].key, diff.commands[1].old,
          diff.commands[1].new })
      assert.equal("skipped", diff.edited[3])
    end)
  end)

  it("tells what keeps it from telling where it differs", function()
    with_branch(function(branch)
      assert(branch:replace("Order", "OrderPlaced", "function() error 'cannot be' end"))
      local diff, err = branch:diff()
      assert.is_nil(diff)
      assert.equal("handler", err.code)
      assert.matches("cannot be", err.message)
      assert.has_error(function() branch:diff { limit = 0 } end)
      assert.has_error(function() branch:diff { limit = 1.5 } end)
    end)
  end)

  it("decides by the tags of what it has not left out", function()
    local school = domains.write { ["school.lua"] = school_lua }
    local store, enroll = "sqlite:" .. school .. "/school.db", { course = "c", student = "s" }
    do
      local runtime <close> = assert(neap.open(school .. "/school.lua", { store = store }))
      for _ = 1, 2 do assert(runtime:dispatch("Enroll", enroll)) end
    end
    local opened <close> = assert(history.open(school .. "/school.lua", { store = store }))
    local past <close> = assert(opened:at())
    local branch <close> = assert(past:branch())
    local _, err = branch:dispatch("Enroll", enroll)
    assert.equal("full", err.code)
    assert(branch:skip(1))
    assert.equal(3, assert(branch:dispatch("Enroll", enroll)).position)
    _, err = branch:dispatch("Enroll", enroll)
    assert.equal("full", err.code)
    local diff = assert(branch:diff())
    assert.same({ 1, 0 }, { #diff.events, #diff.states }) -- by key alone
    domains.remove(school)
  end)

  it("branches again", function()
    with_branch(function(branch)
      assert(branch:dispatch("PayOrder", { order = "o-2" }))
      local second <close> = assert(branch:branch())
      assert(second:dispatch("PayOrder", { order = "o-3" }))
      assert.equal("shipped", second:state("Order", "o-2").status)
      assert.equal("shipped", second:state("Order", "o-3").status)
      assert.equal("placed", branch:state("Order", "o-3").status)
      assert.same({ 7, 9 }, { branch:position(), second:position() })
      assert.equal(1, second:find("orders", "o-3").shipped)
      assert.is_nil(branch:find("orders", "o-3").shipped)
      branch:discard()
      assert.equal(9, second:position())
      assert.equal("completed", second:saga("fulfilment", "o-2").status)
    end)
  end)

  it("has services that give on a branch of it what they give on it", function()
    with_branch(function(branch)
      local second <close> = assert(branch:branch())
      local _, err = second:dispatch("Charge", { order = "o-2" })
      assert.equal("too little", err.message)
      local third <close> = assert(second:branch { services = { bank = { charge = {} } } })
      assert(third:dispatch("Charge", { order = "o-2" }))
    end, { services = { bank = { charge = { refused = "too little" } } } })
  end)

  it("gives an event other data that was left out before", function()
    with_branch(function(branch)
      assert(branch:skip(2))
      assert.is_nil(branch:find("orders", "o-2"))
      assert(branch:edit(2, { order = "o-2", total = 7 }))
      assert.equal(7, branch:state("Order", "o-2").total)
      assert.equal(7, branch:find("orders", "o-2").total)
    end)
  end)

  it("has a clock that ends somewhere", function()
    with_branch(function(branch, past)
      assert(branch:advance(1e11))
      local ok, err
      for _ = 1, 3 do ok, err = branch:advance(1e11) end
      assert.is_nil(ok)
      assert.equal("usage", err.code)
      assert.matches("9999", err.message)
      assert(branch:dispatch("PlaceOrder", { order = "o-9", total = 1 }))
      assert.has_error(function() past:branch { now = 1e300 } end)
      local none, why = past:branch { now = 1e12 }
      assert.is_nil(none)
      assert.matches("1970 to 9999", why.message)
    end)
  end)

  it("branches again where what follows has no end", function()
    local endless = domains.write { ["loop.lua"] = loop_lua }
    local store = "sqlite:" .. endless .. "/loop.db"
    do
      local runtime <close> = assert(neap.open(endless .. "/loop.lua", {
        store = store, subscriptions = "",
      }))
      assert(runtime:dispatch("Note", { of = "a" }))
    end
    local asked, most = 0, 3
    local opened <close> = assert(history.open(endless .. "/loop.lua", {
      store = store,
      go_on = function()
        asked = asked + 1
        return asked < most
      end,
    }))
    local past <close> = assert(opened:at())
    local branch <close> = assert(past:branch())
    local ok, err = branch:dispatch("Turn", { of = "a" })
    assert.is_nil(ok)
    assert.equal("unavailable", err.code)
    most = math.huge
    local second <close> = assert(branch:branch())
    assert.is_true(second:position() > branch:position())
    domains.remove(endless)
  end)

  it("leaves a past that goes on where it was", function()
    with_branch(function(branch, past)
      assert(branch:dispatch("PayOrder", { order = "o-2" }))
      assert(past:forward(5))
      assert.equal(30, past:find("orders", "o-3").total)
      assert.is_nil(branch:find("orders", "o-3"))
      assert.is_nil(past:find("orders", "o-2").paid)
      assert.has_error(function() assert(branch:forward()) end)
      local second <close> = assert(past:branch())
      assert.equal(30, second:find("orders", "o-3").total)
      assert.equal(1, branch:find("orders", "o-2").shipped)
    end, nil, 2)
  end)

  it("is written as a history that can be imported", function()
    local file = folder .. "/saved.jsonl"
    with_branch(function(branch)
      assert(branch:dispatch("PayOrder", { order = "o-2" }))
      assert(branch:skip(4))
      assert.equal(7, branch:save(file))
      assert.has_error(function() branch:save(file) end)
    end)
    local copy = "sqlite:" .. folder .. "/copy.db"
    assert.equal(7, assert(neap.import(copy, io.lines(file))).appended)
    local opened <close> = assert(history.open(path, { store = copy }))
    local past <close> = assert(opened:at())
    assert.equal("paid", past:state("Order", "o-1").status)
    assert.equal("shipped", past:state("Order", "o-2").status)
  end)
end)
