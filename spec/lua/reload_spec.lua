-- Changed code, and what it makes of a log: states, documents, sagas and decisions.

local neap = require "neap"
local history = require "neap.history"
local domains = require "spec.lua.domains"

local shop_lua = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "OrderPlaced" { id = "string", total = "integer" }
local Paid = shop:event "OrderPaid" { id = "string", at = "integer" }
local Shipped = shop:event "OrderShipped" { id = "string", parcel = "string" }
local Noted = shop:event "OrderNoted" { id = "string" }
local Sent = shop:event "InvoiceSent" { id = "string" }
shop:command "PlaceOrder" { id = "string", total = "integer" }
shop:command "PayOrder" { id = "string" }
shop:command "ShipOrder" { id = "string" }
shop:command "NoteOrder" { id = "string" }
local SendInvoice = shop:command "SendInvoice" { id = "string" }
shop:aggregate "Order" {
  key = "id",
  initial = { status = "new" },
  commands = {
    PlaceOrder = function(_, c) return Placed { id = c.id, total = c.total } end,
    PayOrder = function(_, c, context) return Paid { id = c.id, at = context:now() } end,
    ShipOrder = function(order, c, context)
      if order.status == "new" then return neap.reject("unknown", "there is no such order") end
      --GUARD
      return Shipped { id = c.id, parcel = context:id() }
    end,
    NoteOrder = function(_, c) return Noted { id = c.id } end,
  },
  events = {
    OrderPlaced = function(order, event) order.status, order.total = "placed", event.total end,
    OrderPaid = function(order) order.paid = true end,
    OrderShipped = function(order) order.status = "shipped" end,
    OrderNoted = function() end,
  },
}
shop:handle(SendInvoice, function(c, context)
  context:publish(Sent { id = c.id }, { stream = "Invoice-" .. c.id })
end)
shop:aggregate "Invoice" {
  key = "id",
  initial = {},
  commands = {},
  events = { InvoiceSent = function() end },
}
shop:projection "by_order" {
  key = "id",
  events = {
    OrderPlaced = function(doc, event) doc.total = event.total end,
    OrderPaid = function(doc) doc.paid = true end,
    OrderShipped = function() return neap.delete end,
  },
}
shop:saga "fulfilment" {
  key = "id",
  initial = { steps = 0 },
  starts = { "OrderPlaced" },
  events = {
    OrderPlaced = function(saga) saga.steps = saga.steps + 1 end,
    OrderPaid = function(saga, event, context)
      saga.steps = saga.steps + 1
      context:send("NoteOrder", { id = event.id })
    end,
    OrderShipped = function(_, _, context) context:complete() end,
  },
}
return shop
]]

-- The same with something else in it, once.
local function with(text, changed)
  local from, to = shop_lua:find(text, 1, true)
  assert(from, text)
  return shop_lua:sub(1, from - 1) .. changed .. shop_lua:sub(to + 1)
end

describe("reload", function()
  local folder, path, url

  before_each(function()
    folder = domains.write { ["shop.lua"] = shop_lua }
    path, url = folder .. "/shop.lua", "sqlite:" .. folder .. "/shop.db"
  end)

  after_each(function()
    domains.remove(folder)
  end)

  -- o-1 is paid and shipped, o-2 is shipped unpaid, o-3 is placed.
  local function fill()
    local runtime <close> = assert(neap.open(path, { store = url, subscriptions = "" }))
    for _, command in ipairs {
      { "PlaceOrder", { id = "o-1", total = 10 } }, { "PlaceOrder", { id = "o-2", total = 20 } },
      { "PayOrder", { id = "o-1" } }, { "ShipOrder", { id = "o-1" } },
      { "ShipOrder", { id = "o-2" } }, { "PlaceOrder", { id = "o-3", total = 30 } },
    } do
      assert(runtime:dispatch(command[1], command[2], { meta = { by = "ada" } }))
    end
  end

  local function write(text, name)
    local file <close> = assert(io.open(folder .. "/" .. (name or "shop.lua"), "w"))
    file:write(text)
  end

  local function line_of(text, what)
    local from = assert(text:find(what, 1, true))
    local _, lines = text:sub(1, from):gsub("\n", "")
    return string.format("%s:%d", path, lines + 1)
  end

  local function reloaded(text, options)
    local shop <close> = assert(history.open(path, { store = url }))
    write(text)
    return assert(shop:reload(nil, options))
  end

  local function states_of(report, name)
    for _, states in ipairs(report.states) do
      if states.name == name then return states end
    end
  end

  it("finds nothing where nothing has changed", function()
    fill()
    local report = reloaded(shop_lua)
    assert.is_true(report.same)
    assert.is_nil(report.first)
    assert.same({ 1, 6 }, { report.from, report.to })
    local order = states_of(report, "Order")
    assert.same({ "aggregate", 3, 0 }, { order.kind, order.compared, order.differing })
    assert.same({ 3, 0 }, { states_of(report, "by_order").compared,
      states_of(report, "by_order").differing })
    assert.same({ 3, 0 }, { states_of(report, "fulfilment").compared,
      states_of(report, "fulfilment").differing })
    assert.same({ compared = 6, differing = 0, first = {} }, report.decisions)
    assert.equal(0, report.undecided.count)
  end)

  it("names the first event from which a state differs, and the fold", function()
    fill()
    local changed = with('order.status = "shipped"', 'order.status = "sent"')
    local report = reloaded(changed)
    assert.is_false(report.same)
    local order = states_of(report, "Order")
    assert.same({ 3, 2 }, { order.compared, order.differing })
    local first = order.first[1]
    assert.equal(report.first, first)
    assert.same({ "aggregate", "Order", "o-1", 4, 3, "OrderShipped" },
      { first.kind, first.name, first.key, first.position, first.version, first.type })
    assert.same({ { path = "status", old = "shipped", new = "sent" } }, first.changes)
    assert.equal(line_of(changed, 'OrderShipped = function(order) order'), first.handler)
    assert.equal("o-2", order.first[2].key)
    assert.equal(0, report.decisions.differing)
  end)

  it("sees a difference that is gone again", function()
    fill()
    local report = reloaded(with('order.status, order.total = "placed"',
      'order.status, order.total = "asked"'))
    local order = states_of(report, "Order")
    assert.equal(3, order.differing)
    assert.same({ 1, 2, 6 }, { order.first[1].position, order.first[2].position,
      order.first[3].position })
  end)

  it("says so where it is the initial state", function()
    fill()
    local report = reloaded(with('initial = { status = "new" }',
      'initial = { status = "new", lines = 0 }'))
    assert.is_true(report.first.initial)
    assert.same({ { path = "lines", new = 0 } }, report.first.changes)
  end)

  it("names recorded decisions that would be others", function()
    fill()
    local changed = with("--GUARD",
      'if not order.paid then return neap.reject("unpaid", "it is not paid", { due = 20 }) end')
    local report = reloaded(changed)
    assert.is_false(report.same)
    assert.equal(0, states_of(report, "Order").differing)
    assert.same({ 6, 1 }, { report.decisions.compared, report.decisions.differing })
    local first = report.decisions.first[1]
    assert.same({ "ShipOrder", 5, "Order-o-2", { id = "o-2" }, { by = "ada" } },
      { first.command, first.position, first.stream, first.data, first.meta })
    assert.equal("OrderShipped", first.recorded[1].type)
    assert.same({ error = {
      code = "unpaid", status = "rejected", message = "it is not paid", details = { due = 20 },
    } }, first.after)
    assert.is_nil(first.before)
    assert.equal(line_of(changed, "ShipOrder = function(order, c, context)"), first.handler)
  end)

  it("decides at the time and with the ids of then", function()
    fill()
    local report = reloaded(with("at = context:now()", "at = context:now() + 1"))
    local first = report.decisions.first[1]
    assert.equal(1, report.decisions.differing)
    assert.equal(first.recorded[1].data.at + 1, first.after.events[1].data.at)
  end)

  it("tells apart what cannot be decided again", function()
    fill()
    do
      local runtime <close> = assert(neap.open(path, { store = url, subscriptions = "" }))
      assert(runtime:dispatch("SendInvoice", { id = "i-1" }))
    end
    do
      local runtime <close> = assert(neap.open(path,
        { store = url, record_commands = false, subscriptions = "" }))
      assert(runtime:dispatch("NoteOrder", { id = "o-1" }))
    end
    local report = reloaded((with("shop:command \"PayOrder\" { id = \"string\" }\n", "")
      :gsub("PayOrder = [^\n]*\n", "")))
    local why = {}
    for _, reason in ipairs(report.undecided.reasons) do
      why[reason.command or "?"] = { reason.why, reason.count, reason.position }
    end
    assert.equal(0, report.decisions.differing)
    assert.equal(3, report.undecided.count)
    assert.same({ "the domain has no such command any more", 1, 3 }, why.PayOrder)
    assert.same({ "a plain handler decides it, which may have looked at anything", 1, 7 },
      why.SendInvoice)
    assert.same({ "the command was not recorded", 1, 8 }, why["?"])
  end)

  it("tells apart what other code has decided before", function()
    fill()
    local twice = with("total = c.total", "total = 2 * c.total")
    write(twice)
    local report = reloaded(twice)
    assert.same({ 0, 3 }, { report.decisions.differing, report.as_before.differing })
    assert.same({ 10, 20 }, { report.as_before.first[1].recorded[1].data.total,
      report.as_before.first[1].after.events[1].data.total })
    assert.is_true(report.same)
    report = reloaded(with("total = c.total", "total = 3 * c.total"))
    assert.same({ 3, 0 }, { report.decisions.differing, report.as_before.differing })
    local first = report.decisions.first[1]
    assert.same({ 20, 30 }, { first.before.events[1].data.total, first.after.events[1].data.total })
  end)

  it("goes on from the right state where a handler has changed its own", function()
    fill()
    local report = reloaded(with("PayOrder = function(_, c, context)",
      'PayOrder = function(order, c, context) order.status = "new";'))
    assert.same({ 6, 1 }, { report.decisions.compared, report.decisions.differing })
    local first = report.decisions.first[1]
    assert.same({ "PayOrder", "handler" }, { first.command, first.after.error.code })
    assert.matches("changed its state at 'status'", first.after.error.message)
    assert.equal(0, states_of(report, "Order").differing)
  end)

  it("tells of commands that the new code would not take, or take elsewhere", function()
    fill()
    local report = reloaded(with('shop:command "PayOrder" { id = "string" }',
      'shop:command "PayOrder" { id = "string", by = "string" }'))
    local first = report.decisions.first[1]
    assert.same({ 1, "PayOrder", "invalid" },
      { report.decisions.differing, first.command, first.after.error.code })
    assert.matches("by", first.after.error.message)
    write(shop_lua)
    report = reloaded((with("    NoteOrder = function(_, c) return Noted { id = c.id } end,\n", "")
      :gsub("    PayOrder = function.-\n", "")
      :gsub('shop:saga', [[
shop:aggregate "Payment" {
  key = "id",
  initial = {},
  commands = {
    PayOrder = function(_, c, context) return Paid { id = c.id, at = context:now() } end,
    NoteOrder = function(_, c) return Noted { id = c.id } end,
  },
  events = { OrderPaid = function() end, OrderNoted = function() end },
}
%0]])))
    first = report.decisions.first[1]
    assert.same({ 1, "PayOrder" }, { report.decisions.differing, first.command })
    assert.equal("it would go to Payment-o-1", first.after.error.message)
  end)

  it("finds nothing where both stop alike", function()
    local stops = with("doc.paid = true", 'error("no")')
    write(stops)
    fill()
    local report = reloaded(stops)
    assert.is_true(report.same)
    assert.same({ 2, 0 }, { states_of(report, "by_order").compared,
      states_of(report, "by_order").differing })
  end)

  it("does not compare an aggregate by key with one by tags", function()
    fill()
    local report = reloaded((with('  key = "id",\n  initial = { status = "new" },',
      '  tags = { "id" },\n  initial = { status = "new" },')
      :gsub('shop:event "(%w+)"', 'shop:event("%1", { tags = { "id" } })')))
    assert.equal("it is by key in one code and by tags in the other",
      states_of(report, "Order").passed_over)
    assert.equal(0, report.decisions.compared)
  end)

  it("names documents that differ", function()
    fill()
    local changed = with("doc.paid = true", 'doc.paid = "yes"')
    local report = reloaded(changed)
    local by_order = states_of(report, "by_order")
    assert.same({ "projection", 3, 1 }, { by_order.kind, by_order.compared, by_order.differing })
    local first = by_order.first[1]
    assert.same({ "o-1", 3, "OrderPaid" }, { first.key, first.position, first.type })
    assert.same({ { path = "paid", old = true, new = "yes" } }, first.changes)
    assert.equal(line_of(changed, "OrderPaid = function(doc)"), first.handler)
  end)

  it("names sagas that differ, also in what they have done", function()
    fill()
    local report = reloaded(with('context:send("NoteOrder", { id = event.id })', ""))
    local sagas = states_of(report, "fulfilment")
    assert.same({ "saga", 3, 1 }, { sagas.kind, sagas.compared, sagas.differing })
    local first = sagas.first[1]
    assert.same({ "o-1", 3, "OrderPaid" }, { first.key, first.position, first.type })
    assert.same({ { kind = "send", command = "NoteOrder", data = { id = "o-1" } } },
      first.before.wanted)
    assert.same({}, first.after.wanted)
    assert.same({ "running", { steps = 2 } }, { first.after.status, first.after.state })
    write(shop_lua)
    report = reloaded(with("context:complete()", 'context:fail("no")'))
    first = states_of(report, "fulfilment").first[1]
    assert.same({ "completed", "failed", 4 }, { first.before.status, first.after.status,
      first.position })
  end)

  it("reads old events through added upcasters", function()
    fill()
    local upcast = (shop_lua:gsub('Placed = (shop:event "OrderPlaced") { id = "string", total',
      'Placed = %1 { id = "string", cents'):gsub("total = c.total", "cents = 100 * c.total")
      :gsub("event.total", "event.cents // 100"))
      :gsub("(local Paid)", [[
Placed:upcast(function(data) data.cents, data.total = 100 * data.total, nil; return data end)
%1]], 1)
    local report = reloaded(upcast)
    assert.is_true(report.same)
    assert.equal(6, report.decisions.compared)
    report = reloaded((upcast:gsub("100 %* data.total", "1000 * data.total")))
    assert.same({ 3, 3, 3 }, { states_of(report, "Order").differing,
      states_of(report, "by_order").differing, report.decisions.differing })
    local first = report.decisions.first[1]
    assert.same({ { type = "OrderPlaced", data = { id = "o-1", cents = 10000 } } }, first.recorded)
    assert.same({ { type = "OrderPlaced", data = { id = "o-1", cents = 1000 } } },
      first.after.events)
  end)

  it("tells of events that the new code has no more", function()
    fill()
    local gone = shop_lua:gsub("[^\n]*OrderPaid[^\n]*\n", ""):gsub('PayOrder[^\n]*\n', "", 0)
    gone = gone:gsub("PayOrder = [^\n]*\n", ""):gsub('shop:command "PayOrder"[^\n]*\n', "")
      :gsub("%s*saga.steps = saga.steps %+ 1\n%s*context:send[^\n]*\n%s*end,", "")
    local report = reloaded(gone)
    local first = states_of(report, "Order").first[1]
    assert.same({ "o-1", 3, 2 }, { first.key, first.position, first.version })
    assert.matches("OrderPaid.*the domain has no such event", first.error_after)
    assert.is_nil(first.error_before)
    assert.equal(2, report.undecided.count)
    assert.equal("ShipOrder", report.undecided.reasons[2].command)
    assert.matches("state before it cannot be folded", report.undecided.reasons[2].why)
    assert.equal(1, states_of(report, "by_order").differing)
  end)

  it("tells of a fold that stops", function()
    fill()
    local report = reloaded(with("doc.paid = true", 'error("no")'))
    local first = states_of(report, "by_order").first[1]
    assert.is_nil(first.key)
    assert.equal(3, first.position)
    assert.matches("no", first.error_after)
    write(shop_lua)
    report = reloaded(with('saga.steps = saga.steps + 1\n      context', 'error("no")\n context'))
    first = states_of(report, "fulfilment").first[1]
    assert.same({ "o-1", "stopped" }, { first.key, first.after.status })
    assert.matches("no", first.error_after)
  end)

  it("passes over what only one of both has, and rows", function()
    fill()
    local report = reloaded((shop_lua:gsub('"by_order"', '"by_id"')))
    local why = {}
    for _, states in ipairs(report.states) do why[states.name] = states.passed_over end
    assert.same({ by_order = "the new code has none", by_id = "the code before has none" }, why)
  end)

  it("folds aggregates by tags", function()
    local courses = [[
local neap = require "neap"
local school = neap.domain "school"
local Enrolled = school:event("Enrolled", { tags = { "course", "student" } })
  { course = "string", student = "string" }
school:command "Enrol" { course = "string", student = "string" }
school:aggregate "Enrolment" {
  tags = { "course", "student" },
  initial = { seats = 0, courses = 0 },
  commands = { Enrol = function(state, c)
    if state.seats >= 2 then return neap.reject("full", "it is full") end
    return Enrolled { course = c.course, student = c.student }
  end },
  events = { Enrolled = function(state, _, about)
    if about.course then state.seats = state.seats + 1 end
    if about.student then state.courses = state.courses + 1 end
  end },
}
return school
]]
    write(courses)
    do
      local runtime <close> = assert(neap.open(path, { store = url }))
      for _, pair in ipairs { { "c", "ada" }, { "d", "ada" }, { "c", "bob" }, { "d", "eve" } } do
        assert(runtime:dispatch("Enrol", { course = pair[1], student = pair[2] }))
      end
    end
    local shop <close> = assert(history.open(path, { store = url }))
    write((courses:gsub(">= 2", ">= 1")))
    local report = assert(shop:reload(nil, { keep = false }))
    assert.same({ 4, 2 }, { report.decisions.compared, report.decisions.differing })
    assert.same({ 3, 4 }, { report.decisions.first[1].position,
      report.decisions.first[2].position })
    assert.same({ 4, 0 }, { states_of(report, "Enrolment").compared,
      states_of(report, "Enrolment").differing })
    write((courses:gsub("state.courses %+ 1", "state.courses + 2")))
    report = assert(shop:reload(nil, { keep = false }))
    local first = report.first
    assert.same({ 1, "Enrolled" }, { first.position, first.type })
    assert.same({ { path = "courses", old = 1, new = 2 } }, first.changes)
    assert.equal(4, states_of(report, "Enrolment").differing)
  end)

  local function note(count)
    local runtime <close> = assert(neap.open(path, { store = url, subscriptions = "" }))
    for _ = 1, count do assert(runtime:dispatch("NoteOrder", { id = "o-1" })) end
  end

  it("names the event also where a document is large", function()
    local large = with("return shop", [[
shop:projection "all" {
  key = function() return "all" end,
  events = { OrderNoted = function(doc)
    doc.pad, doc.notes = ("x"):rep(400000), (doc.notes or 0) + 1
  end },
}
return shop]])
    write(large)
    note(12)
    local report = reloaded((large:gsub("%(doc.notes or 0%) %+ 1",
      "%0 - (doc.notes == 6 and 1 or 0)")))
    local all = states_of(report, "all")
    assert.same({ 1, 1 }, { all.compared, all.differing })
    assert.same({ 7, { path = "notes", old = 7, new = 6 } },
      { all.first[1].position, all.first[1].changes[1] })
    write(large)
    report = reloaded((large:gsub("doc.pad, ", 'if doc.notes == 8 then error("no") end; %0')))
    assert.same({ 9 }, { states_of(report, "all").first[1].position })
  end)

  it("compares large states now and then", function()
    local large = with('initial = { status = "new" }', 'initial = { pad = ("x"):rep(200 << 10) }')
      :gsub("OrderNoted = function%(%) end", "OrderNoted = function(o) o.n = (o.n or 0) + 1 end")
    write(large)
    note(12)
    local report = reloaded((large:gsub("o.n = %(", "o.n = (o.n == 2 and 9 or ")))
    local first = states_of(report, "Order").first[1]
    assert.is_true(first.equal_at < 3 and first.version >= 3 and first.version < 8)
    write(large)
    report = reloaded((large:gsub("o.n = %(", "o.n = (o.n == 11 and 99 or ")))
    assert.equal(1, states_of(report, "Order").differing)
  end)

  it("decides again what fills more than a page of events", function()
    local many = with("NoteOrder = function(_, c) return Noted { id = c.id } end", [[
NoteOrder = function(_, c)
      local events = {}
      for i = 1, tonumber(c.id:match "%d+") do events[i] = Noted { id = c.id } end
      return table.unpack(events)
    end]])
    write(many)
    do
      local runtime <close> = assert(neap.open(path,
        { store = url, subscriptions = "", unit_events = 5000 }))
      for _ = 1, 300 do runtime:send("NoteOrder", { id = "o-7" }) end
      assert(runtime:drain())
      assert(runtime:dispatch("NoteOrder", { id = "o-4000" }))
    end
    local report = reloaded(many)
    assert.is_true(report.same)
    assert.same({ 301, 6100 }, { report.decisions.compared, report.to })
    report = reloaded((many:gsub('%(c.id:match "%%d%+"%)', "%0 // 4 * 4")))
    assert.same({ 300, 1 }, { report.decisions.differing, report.decisions.first[1].position })
    assert.same({ 7, 4 }, { #report.decisions.first[1].recorded,
      #report.decisions.first[1].after.events })
  end)

  it("counts everything, and tells the first ones", function()
    fill()
    local report = reloaded(with("total = c.total", "total = -c.total"), { limit = 1 })
    assert.same({ 3, 1, 1 }, { report.decisions.differing, #report.decisions.first,
      report.decisions.first[1].position })
  end)

  it("tells what is from a position on, and up to one", function()
    fill()
    local report = reloaded(with("total = c.total", "total = -c.total"), { from = 2, to = 5 })
    assert.same({ 2, 5 }, { report.from, report.to })
    assert.same({ 1, 2 }, { report.decisions.differing, report.decisions.first[1].position })
    report = reloaded(with("event.total end", "2 * event.total end"), { from = 4, to = 5 })
    local order = states_of(report, "Order")
    assert.same({ 4, 5 }, { order.first[1].position, order.first[2].position })
  end)

  it("is of one aggregate where that is wanted", function()
    fill()
    local report = reloaded(with("doc.paid = true", "doc.paid = 1"), { aggregate = "Order" })
    assert.same({ 1, "Order" }, { #report.states, report.states[1].name })
    assert.is_true(report.same)
  end)

  it("goes on with the new code, and leaves earlier pasts the old one", function()
    fill()
    local shop <close> = assert(history.open(path, { store = url }))
    local early <close> = assert(shop:at(4))
    write(with('order.status = "shipped"', 'order.status = "sent"'))
    assert.is_true(assert(shop:reload()).kept)
    local late <close> = assert(shop:at(4))
    assert.equal("shipped", early:state("Order", "o-1").status)
    assert.equal("sent", late:state("Order", "o-1").status)
    assert(early:forward(5))
    assert.equal("shipped", early:state("Order", "o-2").status)
    assert.is_true(assert(shop:reload()).same)
  end)

  it("stays with the old code where it only looks", function()
    fill()
    local shop <close> = assert(history.open(path, { store = url }))
    write(with('order.status = "shipped"', 'order.status = "sent"'), "other.lua")
    local report = assert(shop:reload(folder .. "/other.lua", { keep = false }))
    assert.is_false(report.kept)
    assert.equal(folder .. "/other.lua", report.path)
    assert.equal(path, shop.path)
    local past <close> = assert(shop:at())
    assert.equal("shipped", past:state("Order", "o-1").status)
  end)

  it("leaves everything as it was where the file does not load", function()
    fill()
    local shop <close> = assert(history.open(path, { store = url }))
    write(with("shop:projection", "shop:projektion"))
    local report, err = shop:reload()
    assert.is_nil(report)
    assert.equal("handler", err.code)
    assert.matches("shop.lua:%d+: .*projektion", err.message)
    write("return end")
    report, err = shop:reload()
    assert.is_nil(report)
    assert.matches("shop.lua:1: ", err.message)
    report, err = shop:reload(folder .. "/none.lua")
    assert.is_nil(report)
    assert.matches("none.lua", err.message)
    local past <close> = assert(shop:at())
    assert.equal("shipped", past:state("Order", "o-1").status)
  end)

  it("takes the file as it is when it begins", function()
    fill()
    local asked = 0
    local shop <close> = assert(history.open(path, { store = url, go_on = function()
      asked = asked + 1
      write "not Lua at all"
      return true
    end }))
    write(with('order.status = "shipped"', 'order.status = "sent"'))
    assert.equal(2, states_of(assert(shop:reload()), "Order").differing)
    assert.is_true(asked > 0)
    local past <close> = assert(shop:at())
    assert.equal("sent", past:state("Order", "o-1").status)
  end)

  it("ends where the host wants no more, and is as before", function()
    fill()
    local wanted = true
    local shop <close> = assert(history.open(path, { store = url, go_on = function()
      return wanted
    end }))
    write(with('order.status = "shipped"', 'order.status = "sent"'))
    wanted = false
    local report, err = shop:reload()
    assert.is_nil(report)
    assert.equal("unavailable", err.code)
    wanted = true
    local past <close> = assert(shop:at())
    assert.equal("shipped", past:state("Order", "o-1").status)
  end)

  it("writes nothing to the store", function()
    fill()
    local function bytes()
      local file <close> = assert(io.open(folder .. "/shop.db", "rb"))
      return file:read "a"
    end
    local before = bytes()
    reloaded(with('order.status = "shipped"', 'order.status = "sent"'))
    assert.is_true(before == bytes())
  end)

  it("says what is wrong with what it is given", function()
    fill()
    local shop <close> = assert(history.open(path, { store = url }))
    local function fails(code, pattern, options)
      local report, err = shop:reload(nil, options)
      assert.is_nil(report)
      assert.equal(code, err.code)
      assert.matches(pattern, err.message)
    end
    fails("usage", "from, 5, is behind to, 2", { from = 5, to = 2 })
    fails("usage", "limit must be at least 1", { limit = 0 })
    fails("unknown", "there is no position 99: the last event is 6", { to = 99 })
    fails("unknown", "'Ordr'; did you mean 'Order'", { aggregate = "Ordr" })
    assert.error_matches(function() shop:reload(nil, { form = 1 }) end,
      "form.*did you mean 'from'")
  end)
end)
