-- neap.spec: what projections make of what happened.

local neap = require "neap"
local spec = require "neap.spec"

local folds, seen = {}, 0

-- A shop; `folds` has the functions of its projection "odd".
local function shop()
  local domain = neap.domain "shop"
  local Placed = domain:event "Placed" { order = "string", customer = "string", total = "integer" }
  Placed:upcast(function(data)
    return { order = data.order, customer = data.client, total = data.total }
  end)
  local Shipped = domain:event "Shipped" { order = "string" }
  domain:event "Cancelled" { order = "string" }
  domain:event "Rated" { customer = "string", stars = "integer" }
  domain:command "Ship" { order = "string" }
  domain:aggregate "Order" {
    key = "order",
    commands = { Ship = function(_, command) return Shipped(command) end },
    events = { Placed = function() end, Shipped = function() end, Cancelled = function() end },
  }
  domain:projection "orders" {
    key = "order",
    events = {
      Placed = function(doc, event) doc.status, doc.total = "placed", event.total end,
      Shipped = function(doc, _, context) doc.status, doc.at = "shipped", context:now() end,
      Cancelled = function() return neap.delete end,
    },
  }
  domain:projection "customers" {
    key = "customer", partitions = 3,
    events = {
      Placed = function(doc, event, context)
        doc.orders = doc.orders or {}
        doc.orders[#doc.orders + 1] = { id = event.order, by = context.event.meta.user }
      end,
      Rated = function(doc, event) doc.stars = event.stars end,
    },
  }
  domain:projection "odd" {
    key = function(event) return event.order == "none" and nil or #event.order end,
    events = { Placed = function(doc, event, context)
      return folds[event.customer](doc, event, context)
    end },
  }
  domain:projection "live" {
    key = "order", live = true,
    events = {
      Placed = function(doc, event) return folds[event.customer](doc, event) end,
      Cancelled = function() return neap.delete end,
    },
  }
  domain:subscriber "mailer" { events = { Shipped = function() end } }
  return domain
end

folds.ada = function(doc, event) doc.total = event.total end
folds.fails = function(_, event) error("no fold of " .. event.order) end
folds.counts = function(doc)
  seen = seen + 1
  doc.seen = seen
end
folds.last = function(doc)
  doc.parts = doc.parts or { a = 1, b = 2, c = 3 }
  for name in pairs(doc.parts) do doc.last = name end
end
folds.sum = function(doc)
  doc.parts, doc.sum = { a = 1, b = 2, 3 }, 0
  for name, part in pairs(doc.parts) do
    doc.sum = doc.sum + part
    doc.parts[name] = nil
  end
  doc.parts.left = next(doc.parts) == nil
end

local of = spec.domain(shop())
local Placed, Shipped, Ship = of.Placed, of.Shipped, of.Ship

local function placed(order, customer, total)
  return Placed { order = order, customer = customer or "ada", total = total or 1 }
end

-- The message of the error that the body raises, without the place; which must be in this file.
local function failure(body)
  local ok, why = pcall(body)
  assert.is_false(ok)
  local message = why:match "^.-spec_kit_projections_spec%.lua:%d+: (.*)$"
  assert.is_string(message, why)
  return message
end

describe("given, expect a document", function()
  it("accepts what was expected, and goes on", function()
    of:given { placed("o-1", "ada", 40), placed("o-2") }
      :expect_document("orders", "o-1", { status = "placed", total = 40 })
      :expect_document("orders", "o-3", nil)
      :at(7):when(Ship { order = "o-1" })
      :expect_document("orders", "o-1", { status = "shipped", total = 40, at = 7 })
      :given { of.Cancelled { order = "o-2" } }
      :expect_documents("orders", { ["o-1"] = { status = "shipped", total = 40, at = spec.any } })
      :expect_document("orders", "o-2", nil)
  end)

  it("knows meta, partitions, integers as keys, and events of no aggregate", function()
    of:meta { user = "eve" }
      :given { placed("o-1"), spec.on("Ratings-1", of.Rated { customer = "bob", stars = 5 }),
        placed "o-22" }
      :expect_documents("customers", {
        ada = { orders = { { id = "o-1", by = "eve" }, { id = "o-22", by = "eve" } } },
        bob = { stars = 5 },
      })
      :expect_document("odd", 3, { total = 1 })
      :expect_documents("odd", { [3] = { total = 1 }, [4] = { total = 1 } })
  end)

  it("reads old events as today's", function()
    of:given { spec.stored("Placed", 1, { order = "o-1", client = "ada", total = 7 }) }
      :expect_documents("customers", { ada = { orders = { { id = "o-1" } } } })
  end)

  it("folds what is live when it is asked for", function()
    of:given { placed("o-1", "ada", 40), placed "o-2" }
      :expect_document("live", "o-1", { total = 40 })
      :expect_document("live", "o-2", { total = 1 })
      :expect_document("live", "o-3", nil)
      :given { of.Cancelled { order = "o-1" } }
      :expect_document("live", "o-1", nil)
  end)

  it("begins with none each time", function()
    of:given({ placed "o-1" }):expect_document("orders", "o-1", { status = "placed", total = 1 })
    of:expect_documents("orders", {})
  end)

  it("asks for `pairs` in another order only while it folds anew", function()
    local before = pairs
    of:given({ placed("o-1", "sum") })
      :expect_document("odd", 3, { sum = 6, parts = { left = true } })
    assert.equal(before, pairs)
    assert.is_false(pcall(function()
      of:given({ placed("o-1", "last") }):expect_documents("odd", {})
    end))
    assert.equal(before, pairs)
  end)
end)

describe("a failure of a specification of a projection", function()
  it("tells each field that differs", function()
    assert.equal([[
the document 'ada' of customers is other than expected:
  orders[1].id: expected "o-2", got "o-1"
  orders[2]:    expected nothing, got { id = "o-2" }
  stars:        expected 5, got nothing]], failure(function()
      of:given { placed "o-1", placed "o-2" }
        :expect_document("customers", "ada", { orders = { { id = "o-2" } }, stars = 5 })
    end))
  end)

  it("tells which documents there are and are not", function()
    local given = of:given { placed("o-1", "ada", 40) }
    assert.equal("orders has no document 'o1', expected { total = 40 }; did you mean 'o-1'?",
      failure(function() given:expect_document("orders", "o1", { total = 40 }) end))
    assert.equal("orders was to have no document 'o-1', but has "
      .. '{ status = "placed", total = 40 }',
      failure(function() given:expect_document("orders", "o-1", nil) end))
    assert.equal([[
orders has other documents than expected:
  unexpected  o-1 { status = "placed", total = 40 }
  differs     o-2
                status: expected "shipped", got "placed"
  missing     o-4 { total = 1 }]], failure(function()
      given:given({ placed "o-2", placed "o-3" }):expect_documents("orders", {
        ["o-2"] = { status = "shipped", total = 1 }, ["o-3"] = { status = "placed", total = 1 },
        ["o-4"] = { total = 1 },
      })
    end))
  end)

  it("tells of a fold that fails", function()
    local message = failure(function()
      of:given({ placed("o-1", "fails") }):expect_document("odd", 3, {})
    end)
    assert.truthy(message:find("^expect_document: projection 'odd' has stopped at position 1: "),
      message)
    assert.truthy(message:find("no fold of o-1", 1, true), message)
  end)

  it("tells of a live fold that fails, or depends on the order of `pairs`", function()
    local given = of:given { placed("o-1", "ada", 40) }
    assert.equal("the document 'o-1' of live is other than expected:\n"
      .. "  total: expected 41, got 40",
      failure(function() given:expect_document("live", "o-1", { total = 41 }) end))
    assert.matches("^expect_document: .*no fold of o%-1", failure(function()
      of:given({ placed("o-1", "fails") }):expect_document("live", "o-1", {})
    end))
    assert.matches("^live has other documents when `pairs` goes in another order",
      failure(function()
        of:given({ placed("o-1", "last") }):expect_document("live", "o-1", { last = spec.any })
      end))
  end)

  it("tells of a fold that depends on more than document and event", function()
    seen = 0
    assert.equal([[
odd has other documents when it is folded anew; does a fold depend on anything else?
  differs     3
                seen: expected 1, got 2]], failure(function()
      of:given({ placed("o-1", "counts") }):expect_document("odd", 3, { seen = 1 })
    end))
  end)

  it("tells of a fold that depends on the order of `pairs`", function()
    local message = failure(function()
      of:given({ placed("o-1", "last") }):expect_document("odd", 3, { last = spec.any })
    end)
    assert.matches("^odd has other documents when `pairs` goes in another order, on which no fold "
      .. 'may depend:\n  differs     3\n                last: expected "%l", got "%l"$', message)
  end)

  it("tells of wrong use", function()
    local cases = {
      ["expect_document: the domain has no projection 'ordrs'; did you mean 'orders'?"] =
        function() of:expect_document("ordrs", "o-1", {}) end,
      ["expect_documents: the domain has no projection 'mailer'"] =
        function() of:expect_documents("mailer", {}) end,
      ["expect_documents: live is live, and cannot be listed; expect_document expects of one key"] =
        function() of:expect_documents("live", {}) end,
      ["expect_documents: the domain has no projection 3"] =
        function() of:expect_documents(3, {}) end,
      ["expect_document needs the document's key, a text or an integer, got 1.5"] =
        function() of:expect_document("orders", 1.5, {}) end,
      ["expect_documents needs a table of documents by their keys, got nothing"] =
        function() of:expect_documents("orders") end,
      ["this scenario ended when another one of its domain began to run; run one after the other"] =
        function()
          local first = of:given({ Shipped { order = "o-1" } })
            :expect_document("orders", "o-1", { status = "shipped", at = spec.any })
          of:expect_documents("orders", {})
          first:expect_documents("orders", {})
        end,
    }
    for message, body in pairs(cases) do
      assert.equal(message, failure(body))
    end
  end)
end)
