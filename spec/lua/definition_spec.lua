-- What is wrong with a domain is said when it is loaded, with file and line.

local domains = require "spec.lua.domains"

local header = [[
local neap = require "neap"
local shop = neap.domain "shop"
local OrderPlaced = shop:event "OrderPlaced" { order_id = "string", total = "integer" }
local PlaceOrder = shop:command "PlaceOrder" { order_id = "string", total = "integer" }
local GetOrder = shop:query "GetOrder" { order_id = "string" }
]]

-- The error of a domain whose text follows the header; the text's first line is line 6.
local function error_of(body)
  local runtime, err = domains.open(header .. body)
  assert.is_nil(runtime)
  assert.equal("handler", err.code)
  return err.message
end

describe("a domain with a mistake", function()
  local mistakes = {
    { "a command handler for a message that is not defined",
      [[shop:aggregate "Order" { key = "order_id",
        commands = { PlaceOrdr = function() end },
        events = { OrderPlaced = function() end } }
      return shop]],
      "domain.lua:7: aggregate 'Order' handles the command 'PlaceOrdr', which is not defined; "
        .. "did you mean 'PlaceOrder'?" },
    { "a fold for an event that is not defined",
      [[shop:aggregate "Order" { key = "order_id", commands = {},
        events = {
          OrderPlace = function() end } }
      return shop]],
      "domain.lua:8: aggregate 'Order' handles the event 'OrderPlace', which is not defined; "
        .. "did you mean 'OrderPlaced'?" },
    { "an event handled as a command",
      [[shop:aggregate "Order" { key = "order_id", commands = { OrderPlaced = function() end },
        events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order' handles 'OrderPlaced' as a command, but it is an event" },
    { "two handlers for one command",
      [[shop:aggregate "Order" { key = "order_id", commands = { PlaceOrder = function() end },
        events = { OrderPlaced = function() end } }
      shop:handle(PlaceOrder, function() end)
      return shop]],
      "domain.lua:8: command 'PlaceOrder' has two handlers: a handler, and before that "
        .. "aggregate 'Order' at domain.lua:6" },
    { "two answers for one query",
      [[shop:answer(GetOrder, function() end)
      shop:answer(GetOrder, function() end)
      return shop]],
      "domain.lua:7: query 'GetOrder' has two handlers: a handler, and before that "
        .. "a handler at domain.lua:6" },
    { "an aggregate without a key",
      [[shop:aggregate "Order" { commands = {}, events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order' needs a key, the field of its commands that names the "
        .. "instance, or tags" },
    { "a key that is not a field of a command",
      [[shop:aggregate "Order" { key = "orderid", commands = { PlaceOrder = function() end },
        events = { OrderPlaced = function() end } }
      return shop]],
      "domain.lua:6: aggregate 'Order': its key 'orderid' is not a field of the command "
        .. "'PlaceOrder'; did you mean 'order_id'?" },
    { "a key that may be absent",
      [[shop:command "Close" { order_id = "string?" }
      shop:aggregate "Order" { key = "order_id", commands = { Close = function() end },
        events = { OrderPlaced = function() end } }
      return shop]],
      "domain.lua:7: aggregate 'Order': its key 'order_id' must be a string or an integer in the "
        .. "command 'Close', and required" },
    { "a key of two types",
      [[shop:command "Close" { order_id = "integer" }
      shop:aggregate "Order" { key = "order_id",
        commands = { Close = function() end, PlaceOrder = function() end },
        events = { OrderPlaced = function() end } }
      return shop]],
      "domain.lua:7: aggregate 'Order': its key 'order_id' is an integer in the command 'Close', "
        .. "but a string in 'PlaceOrder'" },
    { "an aggregate that decides, but folds nothing",
      [[shop:aggregate "Order" { key = "order_id", commands = { PlaceOrder = function() end },
        events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order' decides commands, but has no fold for any event" },
    { "a fold for a transient event",
      [[shop:event("Ticked", { transient = true }) {}
      shop:aggregate "Order" { key = "order_id", commands = {},
        events = { Ticked = function() end } }
      return shop]],
      "domain.lua:8: aggregate 'Order' folds the event 'Ticked', which is transient and never "
        .. "stored" },
    { "an unknown key in an aggregate",
      [[shop:aggregate "Order" { key = "order_id", command = {}, events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order' knows no key 'command'; did you mean 'commands'?" },
    { "a missing key in an aggregate",
      [[shop:aggregate "Order" { key = "order_id", commands = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order' needs the key 'events'" },
    { "a handler that is no function",
      [[shop:aggregate "Order" { key = "order_id", commands = { PlaceOrder = 3 }, events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order': what handles the command 'PlaceOrder' must be a function, "
        .. "but is a number" },
    { "an unknown key in a snapshot",
      [[shop:aggregate "Order" { key = "order_id", commands = {}, events = {},
        snapshot = { evry = 3 } }
      return shop]],
      "domain.lua:6: aggregate 'Order': 'snapshot' knows no key 'evry'; did you mean 'every'?" },
    { "a snapshot without a time to make it",
      [[shop:aggregate "Order" { key = "order_id", commands = {}, events = {},
        snapshot = { version = 3 } }
      return shop]],
      "domain.lua:6: aggregate 'Order': 'snapshot' needs 'every' (events) or 'after' (seconds)" },
    { "a snapshot after no time",
      [[shop:aggregate "Order" { key = "order_id", commands = {}, events = {},
        snapshot = { after = 0 } }
      return shop]],
      "domain.lua:6: aggregate 'Order': 'snapshot.after' must be a number of seconds above 0" },
    { "no snapshot to keep",
      [[shop:aggregate "Order" { key = "order_id", commands = {}, events = {},
        snapshot = { every = 5, keep = 0 } }
      return shop]],
      "domain.lua:6: aggregate 'Order': 'snapshot.keep' must be an integer from 1 to 1000" },
    { "a snapshot after no event",
      [[shop:aggregate "Order" { key = "order_id", commands = {}, events = {},
        snapshot = { every = 0 } }
      return shop]],
      "domain.lua:6: aggregate 'Order': 'snapshot.every' must be an integer from 1" },
    { "an aggregate with a key and tags",
      [[shop:aggregate "Order" { key = "order_id", tags = { "order_id" },
        commands = {}, events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order' has a key and tags; an aggregate has one of them" },
    { "tags that are no list",
      [[shop:aggregate "Order" { tags = { order_id = true }, commands = {}, events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order': 'tags' must be a list of field names" },
    { "a tag twice",
      [[shop:aggregate "Order" { tags = { "order_id", "order_id" }, commands = {}, events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order': the tag 'order_id' is named twice" },
    { "a tag that no command has",
      [[shop:aggregate "Order" { tags = { "order_id", "custommer" },
        commands = { PlaceOrder = function() end }, events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order': its tag 'custommer' is a field of no command" },
    { "a command without the first tag",
      [[shop:aggregate "Order" { tags = { "orderid" }, commands = { PlaceOrder = function() end },
        events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order': its tag 'orderid' is not a field of the command "
        .. "'PlaceOrder'; did you mean 'order_id'?" },
    { "an event that has none of the tags",
      [[shop:event "Placed" { order_id = "string" }
      shop:aggregate "Order" { tags = { "order_id" }, commands = {},
        events = { Placed = function() end } }
      return shop]],
      "domain.lua:8: aggregate 'Order' folds the event 'Placed', which has none of its tags "
        .. "(order_id); define it with { tags = { … } }" },
    { "a tag that none of the events has",
      [[shop:event("Placed", { tags = { "order_id" } }) { order_id = "string" }
      shop:command "Place" { order_id = "string", orderid = "string?" }
      shop:aggregate "Order" { tags = { "order_id", "orderid" },
        commands = { Place = function() end }, events = { Placed = function() end } }
      return shop]],
      "domain.lua:8: aggregate 'Order': its tag 'orderid' is on no event that it folds; "
        .. "did you mean 'order_id'?" },
    { "a tag without a name",
      [[shop:aggregate "Order" { tags = { "" }, commands = {}, events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order': the tag '' must have a name without control characters" },
    { "a tag with a control character",
      'shop:event("Closed", { tags = { "a\\n" } }) { ["a\\n"] = "string" }\nreturn shop',
      "domain.lua:6: event 'Closed': the tag 'a?' must have a name without control characters" },
    { "a tag with a colon",
      'shop:event("Closed", { tags = { "a:b" } }) { ["a:b"] = "string" }\nreturn shop',
      "domain.lua:6: event 'Closed': the tag 'a:b' must have no ':' in its name" },
    { "an aggregate whose name begins tags",
      [[shop:aggregate "Order{" { tags = { "order_id" }, commands = {}, events = {} }
      return shop]],
      "domain.lua:6: aggregate 'Order{': its name must have no '{', which begins the tags' "
        .. "values" },
    { "a name twice",
      [[shop:event "PlaceOrder" {}
      return shop]],
      "domain.lua:6: event 'PlaceOrder' is already defined as a command at domain.lua:4" },
    { "an aggregate twice",
      [[shop:aggregate "Order" { key = "order_id", commands = {}, events = {} }
      shop:aggregate "Order" { key = "order_id", commands = {}, events = {} }
      return shop]],
      "domain.lua:7: aggregate 'Order' is already defined at domain.lua:6" },
    { "a name with '-'",
      [[shop:event "Order-Placed" {}
      return shop]],
      "domain.lua:6: event 'Order-Placed': a name has no '-' and no control characters" },
    { "a name with a control character",
      'shop:command "Order\\nPlaced" {}\nreturn shop',
      "domain.lua:6: command 'Order?Placed': a name has no '-' and no control characters" },
    { "a name that is empty",
      'shop:aggregate "" {}\nreturn shop',
      "domain.lua:6: the name of an aggregate must be a text that is not empty" },
    { "a message without fields",
      'shop:event "Closed"\nreturn shop',
      "domain.lua:6: event 'Closed' is named, but not described: its table is missing" },
    { "fields that are no table",
      'shop:event "Closed" "string"\nreturn shop',
      "domain.lua:6: event 'Closed' needs a table of fields, but got string" },
    { "an unknown option of an event",
      'shop:event("Closed", { transiant = true }) {}\nreturn shop',
      "domain.lua:6: event 'Closed' knows no key 'transiant'; did you mean 'transient'?" },
    { "an option of a command",
      'shop:command("Close", { version = 2 }) {}\nreturn shop',
      "domain.lua:6: command 'Close' knows no key 'version'" },
    { "a version below 1",
      'shop:event("Closed", { version = 0 }) {}\nreturn shop',
      "domain.lua:6: event 'Closed': 'version' must be an integer from 1" },
    { "a tag that is no field",
      'shop:event("Closed", { tags = { "order" } }) { order_id = "string" }\nreturn shop',
      "domain.lua:6: event 'Closed': the tag 'order' is not one of its fields" },
    { "a tag that is a table",
      'shop:event("Closed", { tags = { "lines" } }) { lines = { "string" } }\nreturn shop',
      "domain.lua:6: event 'Closed': the tag 'lines' must be a string or an integer" },
    { "a handler for an event",
      "shop:handle(OrderPlaced, function() end)\nreturn shop",
      "domain.lua:6: domain:handle needs a command, but 'OrderPlaced' is an event" },
    { "an answer for nothing",
      "shop:answer(GetOrdr, function() end)\nreturn shop",
      "domain.lua:6: domain:answer needs a query that the domain defined, but got nothing" },
    { "a method called without a colon",
      'shop.event("Closed", {})\nreturn shop',
      "domain.lua:6: call it as domain:event(…), with a colon" },
    { "no result", "", "the domain's file must return its domain, but returned nothing" },
    { "another result", "return 3",
      "the domain's file must return its domain, but returned a number" },
    { "a second domain",
      'neap.domain "other"\nreturn shop',
      "domain.lua:6: domain 'shop' is already begun at domain.lua:2; a file defines one domain" },
    { "an unknown method",
      'shop:commnd "Close"\nreturn shop',
      "domain.lua:6: a domain has no 'commnd'; did you mean 'command'?" },
    { "an unknown function of Neap",
      "neap.rejct()\nreturn shop",
      "domain.lua:6: neap has no 'rejct'; did you mean 'reject'?" },
    { "an unknown module of Neap",
      'require "neap.middlewares"\nreturn shop',
      "domain.lua:6: Neap has no module 'neap.middlewares'" },
    { "an error of its own", "local x = nil + 1\nreturn shop",
      "domain.lua:6: attempt to perform arithmetic on a nil value" },
  }
  for _, mistake in ipairs(mistakes) do
    it("is refused: " .. mistake[1], function()
      assert.equal(mistake[3], error_of(mistake[2]))
    end)
  end

  it("is refused for a syntax error, with its line", function()
    assert.truthy(error_of("local = 3"):find "domain.lua:6: <name> expected near '='")
  end)

  it("is refused before it runs when nobody handles a command", function()
    local runtime, err = domains.open(header .. "return shop")
    assert.is_nil(runtime)
    assert.equal("usage", err.code)
    assert.equal("domain.lua:4: nobody handles the command 'PlaceOrder'", err.message)
  end)
end)

describe("a domain", function()
  it("loads with every option that an event has", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local shop = neap.domain "shop"
      shop:event("A", { transient = true }) {}
      shop:event("B", { tags = { "course", "student" }, version = 2, formerly = { "C", "D" } })
        { course = "string", student = "integer?" }
      return shop
    ]])
    assert.is_truthy(runtime)
  end)

  it("may begin with a byte order mark and a line for the shell", function()
    local runtime <close>, err = domains.open(
      "\u{FEFF}#!/usr/bin/env neap\nlocal neap = require 'neap'\nreturn neap.domain 'x'")
    assert.is_truthy(runtime, tostring(err))
  end)

  it("is refused as bytecode", function()
    local runtime, err = domains.open(string.dump(function() end))
    assert.is_nil(runtime)
    assert.equal("usage", err.code)
    assert.equal("domain.lua is bytecode; Neap runs text only", err.message)
  end)

  it("is refused when it is larger than 1 MiB", function()
    local runtime, err = domains.open("--" .. ("x"):rep(1024 * 1024))
    assert.is_nil(runtime)
    assert.equal("limit", err.code)
    assert.equal("domain.lua is larger than 1048576 bytes", err.message)
  end)
end)
