-- Specifications of what was decided: they hold for the code that decided it, and no other.

local neap = require "neap"
local history = require "neap.history"
local domains = require "spec.lua.domains"

local shop_lua = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "OrderPlaced" { id = "string", note = "any" }
local Noted = shop:event "OrderNoted" { id = "string" }
local Paid = shop:event "OrderPaid" { id = "string", at = "integer" }
local Shipped = shop:event "OrderShipped" { id = "string", by = "string?" }
local Numbered = shop:event "OrderNumbered" { id = "string", number = "string" }
shop:command "PlaceOrder" { id = "string", note = "any" }
shop:command "NoteOrder" { id = "string" }
shop:command "PayOrder" { id = "string" }
shop:command "ShipOrder" { id = "string" }
shop:command "NumberOrder" { id = "string" }
shop:aggregate "Order" {
  key = "id",
  initial = { status = "new" },
  commands = {
    PlaceOrder = function(_, c) return Placed { id = c.id, note = c.note } end,
    NoteOrder = function(_, c) return Noted { id = c.id } end,
    PayOrder = function(_, c, context) return Paid { id = c.id, at = context:now() } end,
    ShipOrder = function(order, c, context)
      if order.status == "new" then return neap.reject("unknown", "there is no such order") end
      --GUARD
      return Shipped { id = c.id, by = context.meta.user }
    end,
    NumberOrder = function(_, c, context)
      return Numbered { id = c.id, number = context:id() }
    end,
  },
  events = {
    OrderPlaced = function(order) order.status = "placed" end,
    OrderNoted = function() end,
    OrderPaid = function(order) order.paid = true end,
    OrderShipped = function(order) order.status = "shipped" end,
    OrderNumbered = function() end,
  },
}
return shop
]]
local guarded = shop_lua:gsub("%-%-GUARD",
  'if not order.paid then return neap.reject("unpaid", "it is not paid") end')

describe("a fixture", function()
  local folder, path, url

  before_each(function()
    folder = domains.write { ["shop.lua"] = shop_lua, ["guarded.lua"] = guarded }
    path, url = folder .. "/shop.lua", "sqlite:" .. folder .. "/shop.db"
  end)

  after_each(function()
    domains.remove(folder)
  end)

  -- Dispatches { name, fields, meta } one after another.
  local function fill(commands)
    local runtime <close> = assert(neap.open(path, { store = url }))
    for _, command in ipairs(commands) do
      assert(runtime:dispatch(command[1], command[2], { meta = command[3] }))
    end
  end

  local function fixture(id, options)
    local shop <close> = assert(history.open(path, { store = url }))
    return (assert(shop:fixture("Order", id, options)))
  end

  -- What fails in a specification, by the names of its tests; false: it holds.
  local function outcomes(text)
    local found = {}
    local env = setmetatable({
      describe = function(_, body) body() end,
      it = function(name, body)
        local ok, why = pcall(body)
        found[name] = not ok and why
      end,
    }, { __index = _G })
    assert(load(text, "=fixture", "t", env))()
    return found
  end

  local function unpaid()
    fill {
      { "PlaceOrder", { id = "o-1", note = neap.null } },
      { "NoteOrder", { id = "o-1" } },
      { "NoteOrder", { id = "o-2" } },
      { "NoteOrder", { id = "o-1" } },
      { "ShipOrder", { id = "o-1" } },
    }
  end

  it("holds for the code that decided it, and shows where other code decides otherwise", function()
    unpaid()
    local text = fixture "o-1"
    assert.same({ ["decides ShipOrder, as of event 5"] = false }, outcomes(text))
    local failed = outcomes((text:gsub("shop.lua", "guarded.lua")))
    assert.matches("was rejected.*unpaid", failed["decides ShipOrder, as of event 5"])
  end)

  it("leaves out what does not matter, unless all is wanted", function()
    unpaid()
    local text = fixture "o-1"
    assert.truthy(text:find("OrderPlaced", 1, true))
    assert.falsy(text:find("OrderNoted", 1, true))
    local _, count = fixture("o-1", { whole = true }):gsub("OrderNoted", "")
    assert.equal(2, count)
  end)

  it("keeps the types that are named", function()
    unpaid()
    local _, count = fixture("o-1", { keep = { "OrderNoted" } }):gsub("OrderNoted", "")
    assert.equal(2, count)
  end)

  it("keeps what other code looks at, so that the fault shows there", function()
    fill {
      { "PlaceOrder", { id = "o-1", note = 1 } },
      { "PayOrder", { id = "o-1" } },
      { "NoteOrder", { id = "o-1" } },
      { "ShipOrder", { id = "o-1" } },
    }
    local picky = folder .. "/picky.lua"
    local file <close> = assert(io.open(picky, "w"))
    file:write((shop_lua:gsub("%-%-GUARD",
      'if order.paid then return neap.reject("paid", "it is paid already") end')))
    file:close()
    assert.falsy(fixture("o-1"):find("OrderPaid", 1, true)) -- this code does not look at it
    local text = fixture("o-1", { against = picky })
    assert.truthy(text:find("OrderPaid", 1, true), text)
    assert.falsy(text:find("OrderNoted", 1, true), text)
    assert.same({ ["decides ShipOrder, as of event 4"] = false }, outcomes(text))
    local failed = outcomes((text:gsub("shop.lua", "picky.lua")))
    assert.matches("was rejected.*paid", failed["decides ShipOrder, as of event 4"])
  end)

  it("finds no fault in code that decides alike", function()
    unpaid()
    assert.error_matches(function() fixture("o-1", { against = path }) end,
      "shop.lua decides as was recorded, too: there is no fault to show")
  end)

  it("ends where the host wants no more", function()
    unpaid()
    local asked = 0
    local shop <close> = assert(history.open(path, { store = url, go_on = function(at, target)
      asked = asked + 1
      assert.equal(asked, at)
      assert.equal(1000, target)
      return asked < 3
    end }))
    local text, err = shop:fixture("Order", "o-1")
    assert.is_nil(text)
    assert.equal("unavailable", err.code)
    assert.matches("stopped after 3 runs", err.message)
  end)

  it("has a test for each command in a range", function()
    unpaid()
    local found = outcomes(fixture("o-1", { from = 1, to = 3 }))
    assert.same({
      ["decides PlaceOrder, as of event 1"] = false,
      ["decides NoteOrder, as of event 2"] = false,
      ["decides NoteOrder, as of event 4"] = false,
    }, found)
  end)

  it("says the time and what was kept with a command where they matter", function()
    fill {
      { "PlaceOrder", { id = "o-1", note = 1 }, { user = "ada" } },
      { "PayOrder", { id = "o-1" } },
      { "ShipOrder", { id = "o-1" }, { user = "ada" } },
    }
    local placed = fixture("o-1", { to = 1 })
    assert.falsy(placed:find(":at(", 1, true) or placed:find(":meta(", 1, true))
    local text = fixture("o-1", { to = 2 })
    assert.matches(":at%(%d+%)", text)
    assert.falsy(text:find(":meta(", 1, true))
    assert.same({ ["decides PayOrder, as of event 2"] = false }, outcomes(text))
    text = fixture "o-1"
    assert.truthy(text:find(':meta({ user = "ada" })', 1, true), text)
    assert.same({ ["decides ShipOrder, as of event 3"] = false }, outcomes(text))
  end)

  it("writes values of all kinds as Lua", function()
    local note = {
      text = 'a "b"\n\\\0\r', ["end"] = true, ["a b"] = { 1, 1.0, 0.1, math.mininteger, 1e300 },
      nothing = neap.null, none = {},
    }
    fill { { "PlaceOrder", { id = "o-1", note = note } } }
    assert.same({ ["decides PlaceOrder, as of event 1"] = false }, outcomes(fixture "o-1"))
  end)

  it("is written to a file that is not there yet", function()
    unpaid()
    local file = folder .. "/o1_spec.lua"
    local text = fixture("o-1", { file = file })
    local written <close> = assert(io.open(file, "rb"))
    assert.equal(text, written:read "a")
    assert.error_matches(function() fixture("o-1", { file = file }) end,
      "there is a file .* already")
    assert.error_matches(function() fixture("o-1", { file = folder .. "/no/spec.lua" }) end,
      "cannot be written: .*no/spec.lua")
  end)

  it("needs no more than the events of its stream", function()
    unpaid()
    fill { { "NumberOrder", { id = "o-1" } } }
    assert.error_matches(function() fixture "o-1" end,
      "NumberOrder does not lead again to event 6: .*OrderNumbered")
  end)

  it("says what is wrong with what it is given", function()
    unpaid()
    local function fails(pattern, ...)
      local arguments = table.pack(...)
      local shop <close> = assert(history.open(path, { store = url }))
      assert.error_matches(function() shop:fixture(table.unpack(arguments, 1, arguments.n)) end,
        pattern)
    end
    fails("no aggregate 'Ordr'; did you mean 'Order'", "Ordr", "o-1")
    fails("no events of Order%-o%-9", "Order", "o-9")
    fails("has the versions 1 to 4 here, not 3 to 9", "Order", "o-1", { from = 3, to = 9 })
    fails("not 3 to 2", "Order", "o-1", { from = 3, to = 2 })
    fails("no option 'form'; did you mean 'from'", "Order", "o-1", { form = 1 })
    fails("option to must be an integer, but is 1.5", "Order", "o-1", { to = 1.5 })
    fails("option keep must be a table, but is OrderPaid", "Order", "o-1", { keep = "OrderPaid" })
    fails("no event 'OrderPaidd'; did you mean 'OrderPaid'", "Order", "o-1",
      { keep = { "OrderPaidd" } })
    fails("options must be a table", "Order", "o-1", 3)
  end)

  it("has nothing to say of events that no command decided", function()
    do
      local runtime <close> = assert(neap.open(path, { store = url }))
      assert(runtime:publish("OrderNoted", { id = "o-1" }, { stream = "Order-o-1" }))
    end
    assert.error_matches(function() fixture "o-1" end, "they were published")
  end)
end)
