-- runtime:select and context:select: reading the rows of projections.

local neap = require "neap"

local domains = require "spec.lua.domains"

local text = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string", customer = "string?", total = "number" }
local Place = shop:command "Place" { id = "string", customer = "string?", total = "number" }
shop:aggregate "Order" {
  key = "id", initial = {}, events = { Placed = function() end },
  commands = { Place = function(_, command) return Placed {
    id = command.id, customer = command.customer, total = command.total } end },
}
shop:projection "revenue" {
  schema = "CREATE TABLE {revenue} (customer TEXT, total NUMERIC)",
  events = { Placed = function(sql, event)
    sql("INSERT INTO {revenue} VALUES (?, ?)", event.customer, event.total)
  end },
}
shop:projection "orders" { key = "id", events = { Placed = function() end } }
shop:subscriber "mailer" { events = { Placed = function(event, context)
  context:send("Note", { rows = #context:select("revenue", "SELECT 1 AS one FROM {revenue}") })
end }, retry = { attempts = 1 } }
shop:handle(shop:command "Note" { rows = "integer" }, function() end)
shop:answer(shop:query "Top" { least = "number" }, function(query, context)
  return context:select("revenue",
    "SELECT customer, total FROM {revenue} WHERE total >= ? ORDER BY total", query.least)
end)
shop:answer(shop:query "Bad" { what = "string" }, function(query, context)
  return ({
    none = function() return context:select({}) end,
    statement = function() return context:select("revenue", 1) end,
    value = function() return context:select("revenue", "SELECT ?", {}) end,
    unknown = function() return context:select("revenue", "SELECT price FROM {revenue}") end,
  })[query.what]()
end)
return shop
]]

describe("what select gives", function()
  local runtime, path

  before_each(function()
    path = os.tmpname()
    os.remove(path)
    runtime = assert(domains.open(text, { store = "sqlite:" .. path .. "?synchronous=normal" }))
    for id, row in ipairs { { "ada", 1 }, { "o'hara", 2.5 }, { nil, math.maxinteger } } do
      assert(runtime:dispatch("Place", { id = "o-" .. id, customer = row[1], total = row[2] }))
    end
    assert(runtime:catch_up())
  end)

  after_each(function()
    runtime:close()
    for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do
      os.remove(path .. ending)
    end
  end)

  it("is a table for each row, without what is NULL", function()
    assert.same({ { customer = "ada", total = 1 }, { customer = "o'hara", total = 2.5 },
      { total = math.maxinteger } },
      assert(runtime:select("revenue", "SELECT * FROM {revenue} ORDER BY total")))
    assert.same({}, assert(runtime:select("revenue", "SELECT * FROM {revenue} WHERE total < 0")))
    assert.same({ {} }, assert(runtime:select("revenue", "SELECT NULL AS none")))
  end)

  it("depends on values that are bound in order", function()
    assert.same({ { customer = "o'hara" } }, assert(runtime:select("revenue",
      "SELECT customer FROM {revenue} WHERE customer = ? AND total BETWEEN ? AND ?", "o'hara", 2,
      2.75)))
    assert.same({ { a = "x\0\"\n\u{1F600}", b = 1, c = 0, d = math.mininteger } },
      assert(runtime:select("revenue", "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e, ? AS f",
        "x\0\"\n\u{1F600}", true, false, math.mininteger, nil, neap.null)))
  end)

  it("is there in answers", function()
    assert.same({ { customer = "o'hara", total = 2.5 }, { total = math.maxinteger } },
      assert(runtime:query("Top", { least = 2 })))
  end)

  it("may not write, and sees nothing but the projection's own", function()
    local refused = {
      ["DELETE FROM {revenue}"] = "usage", ["PRAGMA user_version"] = "usage",
      ["SELECT * FROM events"] = "usage", ["SELECT * FROM {orders}"] = "usage",
      ["SELECT 1; SELECT 2"] = "usage", ["SELECT"] = "usage", [""] = "usage",
    }
    for statement, code in pairs(refused) do
      local rows, err = runtime:select("revenue", statement)
      assert.is_nil(rows)
      assert.equal(code, err.code, statement .. ": " .. tostring(err))
    end
    assert.equal(3, #runtime:select("revenue", "SELECT 1 AS one FROM {revenue}"))
  end)

  it("says which projection has none", function()
    local _, err = runtime:select("orders", "SELECT 1")
    assert.equal("projection 'orders' keeps no rows: it has documents, to find and list",
      err.message)
    _, err = runtime:select("mailer", "SELECT 1")
    assert.equal("subscriber 'mailer' keeps no rows", err.message)
    _, err = runtime:select("revenues", "SELECT 1")
    assert.equal("unknown", err.code)
  end)

  it("is what JSON can say, with a name for each column", function()
    local mistakes = {
      ["SELECT 1 AS one, 2 AS one"] =
        { "usage", "two columns are called 'one': give one another name with AS" },
      ["SELECT x'00' AS bytes"] = { "invalid", "column 'bytes' holds bytes: ask for hex() of it" },
      ["SELECT CAST(x'ff' AS TEXT) AS odd"] =
        { "invalid", "column 'odd' holds a text that is not UTF-8" },
      ["SELECT 9e999 AS much"] = { "invalid", "column 'much' is infinite" },
    }
    for statement, expected in pairs(mistakes) do
      local _, err = runtime:select("revenue", statement)
      assert.same(expected, { err.code, err.message })
    end
  end)

  it("is not without bounds", function()
    local _, err = runtime:select("revenue", [[WITH RECURSIVE many(n) AS
      (SELECT 1 UNION ALL SELECT n + 1 FROM many LIMIT 1000000) SELECT n FROM many]])
    assert.equal("limit", err.code)
    assert.matches("^projection revenue: the rows take more than 4194304 bytes; ask for fewer",
      err.message)
    local many = {}
    for index = 1, 201 do many[index] = index end
    _, err = runtime:select("revenue", "SELECT 1 AS one", table.unpack(many))
    assert.matches("a statement has at most 200 parameters", err.message, 1, true)
  end)

  it("needs a statement and values", function()
    local function message(...)
      local ok, why = pcall(runtime.select, runtime, ...)
      assert.is_false(ok)
      return (why:gsub("^[^ ]*:%d+: ", ""))
    end
    assert.equal("runtime:select needs a projection's name, but got a nil", message(nil))
    assert.equal("runtime:select needs a SELECT as a text, but got a nil", message("revenue", nil))
    assert.equal("runtime:select: the statement has a byte of 0", message("revenue", "SELECT 1\0"))
    assert.equal("runtime:select: value 2 is a function; values are texts, numbers, booleans, and "
      .. "nil or neap.null", message("revenue", "SELECT ?, ?", 1, print))
    assert.equal("runtime:select: value 1: JSON has no NaN",
      message("revenue", "SELECT ?", 0 / 0))
  end)

  it("is refused to a handler at its own line", function()
    for what, expected in pairs {
      none = "domain.lua:27: context:select needs a projection's name, but got a table",
      statement = "domain.lua:28: context:select needs a SELECT as a text, but got a number",
      value = "domain.lua:29: context:select: value 1 is a table; values are texts, numbers, "
        .. "booleans, and nil or neap.null",
      unknown = "no such column: price",
    } do
      local _, err = runtime:query("Bad", { what = what })
      assert.truthy(err.message:find(expected, 1, true), err.message)
    end
  end)

  it("is what a subscriber sees", function()
    assert(runtime:drain())
    assert.same({}, assert(runtime:dead_letters "mailer"))
  end)
end)
