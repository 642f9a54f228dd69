-- What is wrong with a projection's definition is said when the domain is loaded, with file and
-- line.

local domains = require "spec.lua.domains"

local header = [[
local neap = require "neap"
local shop = neap.domain "shop"
shop:event("OrderPlaced", { formerly = "OrderMade" })
  { order_id = "string", total = "integer", lines = { "string" } }
shop:event "OrderShipped" { order_id = "string", ref = "integer?" }
shop:event("Ticked", { transient = true }) { order_id = "string" }
local function fold() end
]]

-- The error of a domain whose text follows the header; the text's first line is line 8.
local function error_of(body)
  local runtime, err = domains.open(header .. body .. "\nreturn shop")
  assert.is_nil(runtime)
  assert.equal("handler", err.code)
  return err.message
end

describe("a projection with a mistake", function()
  local mistakes = {
    { "without a key",
      [[shop:projection "orders" { events = { OrderPlaced = fold } }]],
      "domain.lua:8: projection 'orders' needs a key, the field of its events that names the "
        .. "document" },
    { "with an event that is not defined",
      [[shop:projection "orders" { key = "order_id",
        events = { OrderPlacd = function() end } }]],
      "domain.lua:9: projection 'orders' handles the event 'OrderPlacd', which is not defined; did "
        .. "you mean 'OrderPlaced'?" },
    { "with an event by its old name",
      [[shop:projection "orders" { key = "order_id",
        events = { OrderMade = function() end } }]],
      "domain.lua:9: projection 'orders' handles the event 'OrderMade', which is not defined; it "
        .. "is 'OrderPlaced' now" },
    { "with a command for an event",
      [[local Do = shop:command "Do" { order_id = "string" } shop:handle(Do, fold)
      shop:projection "orders" { key = "order_id", events = { Do = function() end } }]],
      "domain.lua:9: projection 'orders' handles 'Do' as an event, but it is a command" },
    { "with a transient event",
      [[shop:projection "orders" { key = "order_id", events = { Ticked = function() end } }]],
      "domain.lua:8: projection 'orders' handles the event 'Ticked', which is transient and never "
        .. "stored" },
    { "without events",
      [[shop:projection "orders" { key = "order_id", events = {} }]],
      "domain.lua:8: projection 'orders' handles no event: 'events' is empty" },
    { "without 'events'",
      [[shop:projection "orders" { key = "order_id" }]],
      "domain.lua:8: projection 'orders' needs the key 'events'" },
    { "with a fold that is no function",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = "x" } }]],
      "domain.lua:8: projection 'orders': what handles the event 'OrderPlaced' must be a function, "
        .. "but is a string" },
    { "with a list of events",
      [[shop:projection "orders" { key = "order_id", events = { fold } }]],
      "domain.lua:8: projection 'orders': each event must be named by a text, but one is named by "
        .. "a number" },
    { "with an unknown option",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold },
        lve = true }]],
      "domain.lua:8: projection 'orders' knows no key 'lve'; did you mean 'live'?" },
    { "with an option of another type",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold },
        inline = 1 }]],
      "domain.lua:8: projection 'orders': 'inline' must be a boolean, but is a number" },
    { "with a key that an event has not",
      [[shop:projection "orders" { key = "ref", events = { OrderPlaced = fold } }]],
      "domain.lua:8: projection 'orders': its key 'ref' is not a field of the event "
        .. "'OrderPlaced'" },
    { "with a key that is written wrong",
      [[shop:projection "orders" { key = "order_i", events = { OrderPlaced = fold } }]],
      "domain.lua:8: projection 'orders': its key 'order_i' is not a field of the event "
        .. "'OrderPlaced'; did you mean 'order_id'?" },
    { "with a key that is a list",
      [[shop:projection "orders" { key = "lines", events = { OrderPlaced = fold } }]],
      "domain.lua:8: projection 'orders': its key 'lines' must be a string or an integer in the "
        .. "event 'OrderPlaced'" },
    { "with a key for an event that it does not handle",
      [[shop:projection "orders" { key = { OrderPlaced = "order_id", OrderShipped = "order_id" },
        events = { OrderPlaced = fold } }]],
      "domain.lua:8: projection 'orders': 'key' has the event 'OrderShipped', which it does not "
        .. "handle" },
    { "without a key for one of its events",
      [[shop:projection "orders" { key = { OrderPlaced = "order_id" },
        events = { OrderPlaced = fold, OrderShipped = fold } }]],
      "domain.lua:8: projection 'orders': 'key' has nothing for the event 'OrderShipped'" },
    { "with a key of keys that is none",
      [[shop:projection "orders" { key = { OrderPlaced = 3 },
        events = { OrderPlaced = fold } }]],
      "domain.lua:8: projection 'orders': 'key', as a table, has a field or a function for each "
        .. "event, but a number for 'OrderPlaced'" },
    { "with no partitions",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold },
        partitions = 0 }]],
      "domain.lua:8: projection 'orders': 'partitions' must be an integer from 1 to 1024" },
    { "with a version that is no integer",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold },
        version = 1.5 }]],
      "domain.lua:8: projection 'orders': 'version' must be an integer from 1" },
    { "with another start",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold },
        start = "today" }]],
      "domain.lua:8: projection 'orders': 'start' must be \"beginning\" or \"now\", but is "
        .. "'today'" },
    { "inline, with partitions",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold },
        inline = true, partitions = 2 }]],
      "domain.lua:8: projection 'orders': 'inline' and 'partitions' exclude each other: it is "
        .. "folded where the command is decided" },
    { "inline, with a schema",
      [[shop:projection "orders" { events = { OrderPlaced = fold },
        inline = true, schema = "CREATE TABLE {orders} (x)" }]],
      "domain.lua:8: projection 'orders': 'inline' and 'schema' exclude each other" },
    { "inline, from now",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold },
        inline = true, start = "now" }]],
      "domain.lua:8: projection 'orders': 'inline' and 'start' exclude each other" },
    { "live, with a schema",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold },
        live = true, schema = "CREATE TABLE {orders} (x)" }]],
      "domain.lua:8: projection 'orders': 'live' and 'schema' exclude each other: what is live is "
        .. "kept nowhere" },
    { "with an empty schema",
      [[shop:projection "orders" { events = { OrderPlaced = fold }, schema = " " }]],
      "domain.lua:8: projection 'orders': 'schema' is empty" },
    { "with a schema, and partitions by no key",
      [[shop:projection "orders" { events = { OrderPlaced = fold },
        schema = "x", partitions = 2 }]],
      "domain.lua:8: projection 'orders' needs a key, by which its partitions are divided" },
    { "by a name that is taken",
      [[shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold } }
      shop:projection "orders" { key = "order_id", events = { OrderPlaced = fold } }]],
      "domain.lua:9: projection 'orders': that is already the name of a projection, defined at "
        .. "domain.lua:8" },
    { "by a name with a slash",
      [[shop:projection "or/ders" { key = "order_id", events = { OrderPlaced = fold } }]],
      "domain.lua:8: projection 'or/ders': its name has none of '/', '@', ':', '$', '{' and '}'" },
    { "by no name", "shop:projection(3)",
      "domain.lua:8: the name of a projection must be a text that is not empty" },
    { "that is only named", 'shop:projection "orders"',
      "domain.lua:8: projection 'orders' is named, but not described: its table is missing" },
    { "that is named twice", 'local _ = shop:projection "orders", shop:projection "orders"',
      "domain.lua:8: projection 'orders' is already named at domain.lua:8" },
    { "that is described twice",
      [[local orders = shop:projection "orders"
      orders { key = "order_id", events = { OrderPlaced = fold } }
      orders { key = "order_id", events = { OrderPlaced = fold } }]],
      "domain.lua:10: projection 'orders' is already defined" },
    { "that is no table", 'shop:projection "orders"(3)',
      "domain.lua:8: projection 'orders' needs a table, but got number" },
  }
  for _, mistake in ipairs(mistakes) do
    it("is refused: " .. mistake[1], function()
      assert.equal(mistake[3], error_of(mistake[2]))
    end)
  end
end)

describe("a projection", function()
  it("loads with every form of a key", function()
    local path = os.tmpname()
    os.remove(path)
    finally(function()
      for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do os.remove(path .. ending) end
    end)
    local runtime <close>, err = domains.open(header .. [[
      shop:projection "a" { key = "order_id", events = { OrderPlaced = fold, OrderShipped = fold },
        partitions = 16, version = 2, start = "now" }
      shop:projection "b" { key = function(event) return event.order_id end, inline = true,
        events = { OrderPlaced = fold } }
      shop:projection "c" { key = { OrderPlaced = "order_id", OrderShipped = fold }, live = true,
        events = { OrderPlaced = fold, OrderShipped = fold } }
      shop:projection "d" { events = { OrderPlaced = fold }, schema = "CREATE TABLE {d} (x)" }
      return shop]], { store = "sqlite:" .. path })
    assert.is_truthy(runtime, tostring(err))
  end)
end)
