-- What is wrong with the definition of a subscriber or a saga is said when the domain is loaded,
-- with file and line.

local domains = require "spec.lua.domains"

local header = [[
local neap = require "neap"
local shop = neap.domain "shop"
shop:event "OrderPlaced" { order_id = "string", total = "integer" }
shop:event "OrderShipped" { order_id = "string" }
shop:event("Ticked", { transient = true }) { sku = "string" }
shop:handle(shop:command "Reserve" { order_id = "string" }, function() end)
local function react() end
]]

-- The error of a domain whose text follows the header; the text's first line is line 8.
local function error_of(body)
  local runtime, err = domains.open(header .. body .. "\nreturn shop")
  assert.is_nil(runtime)
  assert.equal("handler", err.code)
  return err.message
end

local function check_all(mistakes)
  for _, mistake in ipairs(mistakes) do
    it("is refused: " .. mistake[1], function()
      assert.equal("domain.lua:" .. mistake[3], error_of(mistake[2]))
    end)
  end
end

describe("a subscriber with a mistake", function()
  check_all {
    { "without anything", [[shop:subscriber "mail" {}]],
      "8: subscriber 'mail' needs 'events', a function for each, or 'handle', one for all of "
        .. "them" },
    { "with both forms", [[shop:subscriber "mail" { events = { OrderPlaced = react },
        handle = react }]],
      "8: subscriber 'mail' has 'events' and 'handle'; it has one of them" },
    { "with types beside events", [[shop:subscriber "mail" { events = { OrderPlaced = react },
        types = { "OrderPlaced" } }]],
      "8: subscriber 'mail': 'types' is for 'handle'; 'events' says by itself which events it "
        .. "handles" },
    { "with a function for nothing", [[shop:subscriber "mail" { handle = react }]],
      "8: subscriber 'mail': which events does 'handle' get? Say it with 'types', 'categories' or "
        .. "all = true" },
    { "with all, and some", [[shop:subscriber "mail" { handle = react, all = true,
        categories = "Order" }]],
      "8: subscriber 'mail': 'all' and 'categories' exclude each other" },
    { "with an event that is not defined", [[shop:subscriber "mail" {
        events = { OrderShiped = function() end } }]],
      "9: subscriber 'mail' handles the event 'OrderShiped', which is not defined; did you mean "
        .. "'OrderShipped'?" },
    { "with a type that is not defined", [[shop:subscriber "mail" { handle = react,
        types = { "OrderShiped" } }]],
      "8: subscriber 'mail' handles the event 'OrderShiped', which is not defined; did you mean "
        .. "'OrderShipped'?" },
    { "with a type twice", [[shop:subscriber "mail" { handle = react,
        types = { "OrderShipped", "OrderShipped" } }]],
      "8: subscriber 'mail': 'types' has 'OrderShipped' twice" },
    { "with types that are no list", [[shop:subscriber "mail" { handle = react,
        types = { OrderShipped = true } }]],
      "8: subscriber 'mail': 'types' must be a list of names" },
    { "with categories that are no names", [[shop:subscriber "mail" { handle = react,
        categories = { 3 } }]],
      "8: subscriber 'mail': 'categories' must be a list of names, but has a number" },
    { "with an unknown option", [[shop:subscriber "mail" { handle = react, all = true,
        retries = 3 }]],
      "8: subscriber 'mail' knows no key 'retries'; did you mean 'retry'?" },
    { "with an unknown option of retries", [[shop:subscriber "mail" { handle = react, all = true,
        retry = { attempt = 3 } }]],
      "8: subscriber 'mail': 'retry' knows no key 'attempt'; did you mean 'attempts'?" },
    { "with no attempts", [[shop:subscriber "mail" { handle = react, all = true,
        retry = { attempts = 0 } }]],
      "8: subscriber 'mail': 'retry.attempts' must be an integer from 1 to 1000" },
    { "with a delay that shrinks", [[shop:subscriber "mail" { handle = react, all = true,
        retry = { factor = 0.5 } }]],
      "8: subscriber 'mail': 'retry.factor' must be a number from 1 to 100" },
    { "with a delay that is no number", [[shop:subscriber "mail" { handle = react, all = true,
        retry = { first_delay = 0/0 } }]],
      "8: subscriber 'mail': 'retry.first_delay' must be a number from 0 to 86400" },
    { "with another end", [[shop:subscriber "mail" { handle = react, all = true,
        on_failure = "explode" }]],
      "8: subscriber 'mail': 'on_failure' must be \"dead_letter\" or \"stop\", but is 'explode'" },
    { "with too many partitions", [[shop:subscriber "mail" { handle = react, all = true,
        partitions = 1025 }]],
      "8: subscriber 'mail': 'partitions' must be an integer from 1 to 1024" },
    { "by a projection's name", [[shop:projection "mail" { key = "order_id",
        events = { OrderPlaced = react } }
      shop:subscriber "mail" { handle = react, all = true }]],
      "10: subscriber 'mail': that is already the name of a projection, defined at domain.lua:8" },
  }
end)

describe("a saga with a mistake", function()
  check_all {
    { "without a key", [[shop:saga "ship" { starts = { "OrderPlaced" },
        events = { OrderPlaced = react } }]],
      "8: saga 'ship' needs the key 'key'" },
    { "without a start", [[shop:saga "ship" { key = "order_id", starts = {},
        events = { OrderPlaced = react } }]],
      "8: saga 'ship': 'starts' must be a list of the events that begin it" },
    { "with a start that it does not handle", [[shop:saga "ship" { key = "order_id",
        starts = { "OrderPlacd" }, events = { OrderPlaced = react } }]],
      "8: saga 'ship' starts with the event 'OrderPlacd', for which it has no function in "
        .. "'events'; did you mean 'OrderPlaced'?" },
    { "with a start twice", [[shop:saga "ship" { key = "order_id",
        starts = { "OrderPlaced", "OrderPlaced" }, events = { OrderPlaced = react } }]],
      "8: saga 'ship': 'starts' has 'OrderPlaced' twice" },
    { "with an event that is not defined", [[shop:saga "ship" { key = "order_id",
        starts = { "OrderPlaced" }, events = { OrderPlaced = react,
        OrderShiped = function() end } }]],
      "10: saga 'ship' handles the event 'OrderShiped', which is not defined; did you mean "
        .. "'OrderShipped'?" },
    { "with a transient event", [[shop:saga "ship" { key = "sku", starts = { "Ticked" },
        events = { Ticked = function() end } }]],
      "9: saga 'ship' handles the event 'Ticked', which is transient and never stored" },
    { "with a key that an event has not", [[shop:saga "ship" { key = "total",
        starts = { "OrderPlaced" }, events = { OrderPlaced = react, OrderShipped = react } }]],
      "8: saga 'ship': its key 'total' is not a field of the event 'OrderShipped'" },
    { "with a rejection of what is not defined", [[shop:saga "ship" { key = "order_id",
        starts = { "OrderPlaced" }, events = { OrderPlaced = react },
        rejections = { Reserv = function() end } }]],
      "10: saga 'ship', in 'rejections', handles the command 'Reserv', which is not defined; did "
        .. "you mean 'Reserve'?" },
    { "with a rejection that is no function", [[shop:saga "ship" { key = "order_id",
        starts = { "OrderPlaced" }, events = { OrderPlaced = react },
        rejections = { Reserve = true } }]],
      "8: saga 'ship': what handles the command 'Reserve' must be a function, but is a boolean" },
    { "with a timeout without a name", [[shop:saga "ship" { key = "order_id",
        starts = { "OrderPlaced" }, events = { OrderPlaced = react },
        timeouts = { react } }]],
      "8: saga 'ship': each timeout must be named by a text, but one is named by a number" },
    { "with an initial state that is none", [[shop:saga "ship" { key = "order_id", initial = 3,
        starts = { "OrderPlaced" }, events = { OrderPlaced = react } }]],
      "8: saga 'ship': 'initial' must be a table or function, but is a number" },
  }
end)

describe("subscribers and sagas", function()
  it("load in every form", function()
    local runtime <close>, err = domains.open(header .. [[
      shop:subscriber "a" { events = { OrderPlaced = react, Ticked = react }, start = "now",
        partitions = 16, categories = { "Order" }, on_failure = "stop",
        retry = { attempts = 2, first_delay = 0, factor = 1, max_delay = 1, jitter = 0 } }
      shop:subscriber "b" { handle = react, types = { "OrderPlaced" }, categories = "Order" }
      shop:subscriber "c" { handle = react, categories = { "Order", "Invoice" } }
      shop:subscriber "d" { handle = react, all = true, on_failure = "dead_letter" }
      shop:subscriber "e" { events = { Ticked = react } }
      shop:saga "f" { key = "order_id", starts = { "OrderPlaced" }, initial = { n = 0 },
        events = { OrderPlaced = react, OrderShipped = react }, partitions = 4, start = "now",
        timeouts = { payment = react }, rejections = { Reserve = react } }
      shop:saga "g" { key = function(event) return event.order_id end, starts = { "OrderPlaced" },
        initial = function() return {} end, events = { OrderPlaced = react } }
      return shop]])
    assert.is_truthy(runtime, tostring(err))
  end)
end)
