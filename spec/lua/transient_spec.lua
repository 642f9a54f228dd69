-- Transient events: to who listens now, at most once, and stored nowhere.

local domains = require "spec.lua.domains"

local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Priced = shop:event "Priced" { sku = "string", price = "integer" }
local Ticked = shop:event("Ticked", { transient = true }) { sku = "string", price = "integer" }
shop:service("book", function() return {} end)
shop:command "Price" { sku = "string", price = "integer" }
shop:aggregate "Item" { key = "sku",
  commands = { Price = function(_, command)
    if command.price < 0 then
      return Ticked(command), neap.reject("negative", "no")
    elseif command.price == 0 then
      return Ticked(command)
    end
    return Ticked(command), Priced(command), Ticked { sku = "-", price = command.price }
  end },
  events = { Priced = function(item, event) item.price = event.price end },
}
shop:handle(shop:command "Tick" { sku = "string", fail = "boolean?" }, function(command, context)
  context:publish(Ticked { sku = command.sku, price = 1 })
  context:publish(Ticked { sku = command.sku, price = 2 }, { stream = "Shelf-" .. command.sku })
  if command.fail then return neap.reject "no" end
end)
shop:handle(shop:command "Note" { text = "string" }, function(command, context)
  context.services.book.note("sent " .. command.text)
end)
local function note(event, context)
  local it = context.event
  return context.services.book.note(("%%s %%s %%d %%s"):format(it.type, event.sku, event.price,
    it.stream), context)
end
%s
return shop
]]

local listens = [[shop:subscriber "screen" { events = { Ticked = note } }]]

local function open(rest, options)
  local book = { said = {} }
  options = options or {}
  options.lanes = 0
  options.clock = function() return 1700000000000000 end
  options.log = options.log or function() end
  options.services = { book = { note = function(text, context)
    book.said[#book.said + 1] = text
    if book.act then return book.act(context) end
  end } }
  return assert(domains.open(template:format(rest), options)), book
end

local function take(runtime, book)
  assert(runtime:drain())
  local said = book.said
  book.said = {}
  return said
end

local function types(runtime)
  local found = {}
  for event in runtime:events() do found[#found + 1] = event.type end
  return table.concat(found, " ")
end

describe("a transient event", function()
  it("reaches who listens when the decision is durable, and is not stored", function()
    local runtime <close>, book = open(listens)
    local receipt = assert(runtime:dispatch("Price", { sku = "a", price = 5 }))
    assert.same({ 1, { "Priced" } }, { receipt.version, receipt.events })
    assert.same({ "Ticked a 5 Item-a", "Ticked - 5 Item-a" }, take(runtime, book))
    assert.same({ price = 5 }, runtime:state("Item", "a"))
    receipt = assert(runtime:dispatch("Price", { sku = "a", price = 0 }))
    assert.same({ 1, {} }, { receipt.version, receipt.events })
    assert.same({ "Ticked a 0 Item-a" }, take(runtime, book))
    assert.is_nil(runtime:dispatch("Price", { sku = "a", price = -1 }))
    assert.same({}, take(runtime, book))
    assert.equal("Priced", types(runtime))
    assert.equal(0, #assert(runtime:dead_letters()))
  end)

  it("comes from plain handlers, with a stream or without", function()
    local runtime <close>, book = open(listens)
    assert(runtime:dispatch("Tick", { sku = "a" }))
    assert.same({ "Ticked a 1 ", "Ticked a 2 Shelf-a" }, take(runtime, book))
    assert.is_nil(runtime:dispatch("Tick", { sku = "a", fail = true }))
    assert.same({}, take(runtime, book))
    assert.equal("", types(runtime))
  end)

  it("comes from outside", function()
    local runtime <close>, book = open(listens)
    local receipt = assert(runtime:publish("Ticked", { sku = "a", price = 3 }))
    assert.same({}, receipt.events)
    assert(runtime:publish("Ticked", { sku = "a", price = 4 }, { stream = "Shelf-a",
      meta = { user = "ada" } }))
    assert.same({ "Ticked a 3 ", "Ticked a 4 Shelf-a" }, take(runtime, book))
    local _, err = runtime:publish("Ticked", { sku = "a", price = 3 }, { stream = "S-1",
      expected = 0 })
    assert.truthy(err.message:find("'Ticked' is transient: its stream has no version to expect", 1,
      true), err.message)
    assert.equal("invalid", select(2, runtime:publish("Ticked", { sku = 3, price = 3 })).code)
    assert.same({}, take(runtime, book))
  end)

  it("is given once for a key", function()
    local runtime <close>, book = open(listens)
    for _ = 1, 2 do
      assert(runtime:dispatch("Price", { sku = "a", price = 5 }, { idempotency_key = "k" }))
    end
    assert.equal(2, #take(runtime, book))
  end)

  it("reaches who handles its category, or all", function()
    local runtime <close>, book = open [[
      shop:subscriber "all" { all = true, handle = note }
      shop:subscriber "shelves" { categories = "Shelf", handle = note }
      shop:subscriber "one" { types = { "Ticked" }, categories = "Item", handle = note }
    ]]
    assert(runtime:dispatch("Tick", { sku = "a" }))
    assert.same({ "Ticked a 1 ", "Ticked a 2 Shelf-a", "Ticked a 2 Shelf-a" },
      take(runtime, book))
    assert(runtime:dispatch("Price", { sku = "b", price = 0 }))
    assert.same({ "Ticked b 0 Item-b", "Ticked b 0 Item-b" }, take(runtime, book))
  end)

  it("goes through middleware, and is not tried again", function()
    local lines = {}
    local runtime <close>, book = open([[
      shop:use(function(message, context, next)
        if context.kind == "event" then
          context.services.book.note(context.subscription .. " " .. context.name)
        end
        return next(message, context)
      end)
    ]] .. listens, { log = function(_, text) lines[#lines + 1] = text end })
    book.act = function(context) if context then error "no screen" end end
    assert(runtime:publish("Ticked", { sku = "a", price = 3 }))
    assert.same({ "screen Ticked", "Ticked a 3 " }, take(runtime, book))
    assert.same({}, runtime:dead_letters())
    assert.truthy(table.concat(lines, "\n"):find("could not handle a transient event", 1, true))
  end)

  it("may have commands queued", function()
    local runtime <close>, book = open(listens)
    book.act = function(context)
      if context then context:send("Note", { text = "it" }) end
    end
    assert(runtime:publish("Ticked", { sku = "a", price = 3 }))
    assert.same({ "Ticked a 3 ", "sent it" }, take(runtime, book))
  end)

  it("is lost to who is paused, or does not run here", function()
    local runtime <close>, book = open(listens)
    assert(runtime:pause "screen")
    assert(runtime:publish("Ticked", { sku = "a", price = 3 }))
    assert(runtime:resume "screen")
    assert.same({}, take(runtime, book))
    local other <close>, read = open(listens, { subscriptions = "" })
    assert(other:publish("Ticked", { sku = "a", price = 3 }))
    assert.same({}, take(other, read))
  end)

  it("is lost where too many wait", function()
    local lines = {}
    local runtime <close>, book = open(listens, { queue_length = 3, log = function(_, text)
      lines[#lines + 1] = text
    end })
    book.act = function(context) context:sleep(3600) end
    for price = 1, 5 do assert(runtime:publish("Ticked", { sku = "a", price = price })) end
    assert.is_true(#take(runtime, book) <= 5)
    assert.truthy(table.concat(lines, "\n"):find("3 transient events waiting: others are lost", 1,
      true))
  end)

  it("reaches lanes of their own", function()
    local text = template:format([[shop:subscriber "screen" { partitions = 4, events = {
      Ticked = function(event, context)
        context:send("Price", { sku = event.sku, price = 7 })
      end } }]])
    text = text:gsub("return Ticked%(command%), Priced.-\n", "return Priced(command)\n")
    local runtime <close> = assert(domains.open(text, { lanes = 2, reaction_lanes = 2 }))
    for i = 1, 20 do
      assert(runtime:dispatch("Price", { sku = "s" .. i, price = 0 }))
    end
    local patience = os.time() + 20
    local found
    repeat
      found = 0
      for _ in runtime:events { types = { "Priced" } } do found = found + 1 end
    until found == 20 or os.time() > patience
    assert.equal(20, found)
  end)
end)
