-- neap.spec: the rows of projections that keep rows.

local neap = require "neap"
local spec = require "neap.spec"

local seen = 0

local function shop()
  local domain = neap.domain "shop"
  domain:event "Placed" { order = "string", customer = "string", total = "integer?" }
  domain:aggregate "Order" {
    key = "order", commands = {}, events = { Placed = function() end },
  }
  domain:projection "revenue" {
    schema = "CREATE TABLE {revenue} (customer TEXT PRIMARY KEY, orders INTEGER, total INTEGER)",
    events = {
      Placed = function(sql, event)
        sql([[INSERT INTO {revenue} VALUES (?, 1, ?) ON CONFLICT (customer) DO UPDATE
              SET orders = orders + 1, total = total + excluded.total]],
          event.customer, event.total)
      end,
    },
  }
  domain:projection "odd" {
    schema = "CREATE TABLE {odd} (n INTEGER)",
    events = {
      Placed = function(sql, event)
        if event.customer == "counts" then
          seen = seen + 1
          sql("INSERT INTO {odd} VALUES (?)", seen)
        elseif event.customer == "last" then
          local last
          for _, value in pairs { a = 1, b = 2, c = 3 } do last = value end
          sql("INSERT INTO {odd} VALUES (?)", last)
        elseif event.customer == "fails" then
          sql "INSERT INTO {even} VALUES (1)"
        end
      end,
    },
  }
  domain:projection "orders" {
    key = "order", events = { Placed = function(doc) doc.placed = true end },
  }
  return domain
end

local of = spec.domain(shop())

local function placed(order, customer, total)
  return of.Placed { order = order, customer = customer, total = total }
end

local function failure(body)
  local ok, why = pcall(body)
  assert.is_false(ok)
  local message = why:match "^.-spec_kit_rows_spec%.lua:%d+: (.*)$"
  assert.is_string(message, why)
  return message
end

describe("given, expect rows", function()
  it("accepts them in any order, or as a SELECT gives them, and goes on", function()
    of:given { placed("o-1", "ada", 40), placed("o-2", "bob", 7), placed("o-3", "ada", 2) }
      :expect_rows("revenue", {
        { customer = "bob", orders = 1, total = 7 }, { customer = "ada", orders = 2, total = 42 },
      })
      :expect_rows("revenue", { { customer = "ada" }, { customer = "bob" } },
        "SELECT customer FROM {revenue} ORDER BY total DESC")
      :given { placed("o-4", "bob", 90) }
      :expect_rows("revenue", { { sum = 139 } }, "SELECT sum(total) AS sum FROM {revenue}")
  end)

  it("begins with none each time, beside documents", function()
    of:given { placed("o-1", "ada", 40) }:expect_document("orders", "o-1", { placed = true })
    of:expect_rows("revenue", {})
  end)

  it("leaves out what is NULL", function()
    of:given { placed("o-1", "ada") }
      :expect_rows("revenue", { { customer = "ada", orders = 1 } })
  end)

  it("takes anything where anything may be", function()
    of:given { placed("o-1", "ada", 1) }
      :expect_rows("revenue", { { customer = "ada", orders = spec.any, total = spec.any } })
  end)

  it("leaves no file behind", function()
    local made = {}
    local tmpname = os.tmpname
    finally(function() rawset(os, "tmpname", tmpname) end)
    rawset(os, "tmpname", function()
      made[#made + 1] = tmpname()
      return made[#made]
    end)
    for _ = 1, 2 do
      of:given({ placed("o-1", "ada", 1) }):expect_rows("revenue", { {
        customer = "ada", orders = 1, total = 1 } })
    end
    assert.equal(2, #made)
    for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do
      assert.is_nil(io.open(made[1] .. ending))
    end
  end)
end)

describe("a failure of a specification of rows", function()
  it("names what is missing and what is too much", function()
    assert.equal([[
revenue has other rows than expected:
  missing     { customer = "ada", orders = 1, total = 41 }
  unexpected  { customer = "ada", orders = 1, total = 40 }]],
      failure(function()
        of:given { placed("o-1", "ada", 40), placed("o-2", "bob", 1) }:expect_rows("revenue", {
          { customer = "ada", orders = 1, total = 41 }, { customer = "bob", orders = 1, total = 1 },
        })
      end))
  end)

  it("names what differs where there is an order", function()
    assert.equal([[
revenue has other rows than expected:
  differs     1
                total: expected 41, got 40
  missing     2 { total = 1 }]],
      failure(function()
        of:given({ placed("o-1", "ada", 40) }):expect_rows("revenue", { { total = 41 },
          { total = 1 } }, "SELECT total FROM {revenue}")
      end))
  end)

  it("finds a fold that depends on something else", function()
    assert.matches("^odd has other rows when it is folded anew; does a fold depend on anything",
      failure(function() of:given({ placed("o-1", "counts") }):expect_rows("odd", {}) end))
    assert.matches("^odd has other rows when `pairs` goes in another order, on which no fold may",
      failure(function() of:given({ placed("o-1", "last") }):expect_rows("odd", {}) end))
  end)

  it("is a statement that fails, of the fold or of the specification", function()
    assert.matches("^expect_rows: .*no such table: even@1: INSERT INTO {even} VALUES %(1%)$",
      failure(function() of:given({ placed("o-1", "fails") }):expect_rows("odd", {}) end))
    assert.matches("^expect_rows: it failed %(usage%): .*no such column: price", failure(function()
      of:expect_rows("revenue", {}, "SELECT price FROM {revenue}")
    end))
  end)

  it("says what it needs", function()
    assert.equal("expect_rows: orders keeps documents; expect_documents expects them",
      failure(function() of:expect_rows("orders", {}) end))
    assert.equal("expect_documents: revenue keeps rows; expect_rows expects them",
      failure(function() of:expect_documents("revenue", {}) end))
    assert.equal("expect_rows: the domain has no projection 'revenues'; did you mean 'revenue'?",
      failure(function() of:expect_rows("revenues", {}) end))
    assert.equal("expect_rows needs a list of rows, got 12",
      failure(function() of:expect_rows("revenue", 12) end))
    assert.equal("expect_rows needs a SELECT as a text, got {}",
      failure(function() of:expect_rows("revenue", {}, {}) end))
  end)
end)
