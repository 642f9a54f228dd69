-- Subscriptions that are put to another place in the log.

local domains = require "spec.lua.domains"

-- %s: options of the subscriber. Its service notes what it gets, and fails if it is told to.
local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Changed = shop:event "Changed" { id = "string", by = "integer" }
shop:service("book", function() return {} end)
shop:handle(shop:command "Change" { id = "string", by = "integer" }, function(command, context)
  context:publish(Changed(command), { stream = "Account-" .. command.id })
end)
shop:subscriber "scribe" { %s
  events = { Changed = function(event, context)
    return context.services.book.note(event.id .. event.by, event, context)
  end },
}
shop:projection "sums" { key = "id",
  events = { Changed = function(doc, event) doc.sum = (doc.sum or 0) + event.by end } }
shop:saga "count" { key = "id", starts = { "Changed" }, events = { Changed = function() end } }
return shop
]]

local function open(options, given)
  local book = { said = {} }
  local function note(text, event, context)
    book.said[#book.said + 1] = text
    if book.act then return book.act(event, context) end
  end
  given = given or {}
  given.lanes, given.services = 0, { book = { note = note } }
  given.clock, given.log = function() return 1700000000000000 end, function() end
  return assert(domains.open(template:format(options or ""), given)), book
end

local function change(runtime, ...)
  for _, by in ipairs { ... } do assert(runtime:dispatch("Change", { id = "x", by = by })) end
end

local function take(book)
  local said = table.concat(book.said, " ")
  for i in ipairs(book.said) do book.said[i] = nil end
  return said
end

describe("a subscriber that is reset", function()
  for _, partitions in ipairs { 1, 4 } do
    it("gets all again, or from a position, or nothing; partitions: " .. partitions, function()
      local runtime <close>, book = open("partitions = " .. partitions .. ",")
      change(runtime, 1, 2, 3)
      assert(runtime:drain())
      assert.equal("x1 x2 x3", take(book))
      assert(runtime:reset("scribe", { to = "beginning" }))
      assert(runtime:drain())
      assert.equal("x1 x2 x3", take(book))
      assert(runtime:reset("scribe", { to = 2 }))
      change(runtime, 4)
      assert(runtime:drain())
      assert.equal("x3 x4", take(book))
      assert(runtime:pause "scribe")
      change(runtime, 5, 6)
      assert(runtime:reset("scribe", { to = "now" }))
      assert(runtime:resume "scribe")
      change(runtime, 7)
      assert(runtime:drain())
      assert.equal("x7", take(book))
    end)
  end

  it("stays paused, and shows where it is", function()
    local runtime <close>, book = open()
    change(runtime, 1, 2)
    assert(runtime:drain())
    take(book)
    assert(runtime:pause "scribe")
    assert(runtime:reset("scribe", { to = 1 }))
    runtime:catch_up("sums")
    local it = assert(runtime:subscriptions())[1]
    assert.equal("paused", it.state)
    assert.equal(1, it.position)
    assert(runtime:resume "scribe")
    assert(runtime:drain())
    assert.equal("x2", take(book))
  end)

  it("loses its dead letters behind the place, and no others", function()
    local runtime <close>, book = open "retry = { attempts = 1 },"
    book.act = function(event) if event.by % 2 == 1 then error "odd" end end
    change(runtime, 1, 2)
    assert(runtime:dispatch("Change", { id = "y", by = 3 }))
    assert(runtime:drain())
    assert.equal(3, #assert(runtime:dead_letters()))
    book.act = nil
    take(book)
    assert(runtime:reset("scribe", { to = 2 }))
    assert(runtime:drain())
    assert.equal("y3", take(book))
    assert.equal(2, #assert(runtime:dead_letters()))
    assert(runtime:reset("scribe", { to = "beginning" }))
    assert(runtime:drain())
    assert.equal("x1 x2 y3", take(book))
    assert.same({}, runtime:dead_letters())
  end)

  it("goes on if it has stopped", function()
    local runtime <close>, book = open [[on_failure = "stop", retry = { attempts = 1 },]]
    book.act = function(event) if event.by == 2 then error "no" end end
    change(runtime, 1, 2, 3)
    assert.is_nil(runtime:drain())
    take(book)
    assert(runtime:reset("scribe", { to = 2 }))
    assert(runtime:drain())
    assert.equal("x3", take(book))
  end)

  it("does not wait for the next attempt at what is over", function()
    local runtime <close>, book = open "retry = { attempts = 9, first_delay = 3600 },"
    book.act = function(event) if event.by == 2 then error "no" end end
    change(runtime, 1, 2)
    assert(runtime:catch_up "sums")
    assert(runtime:reset("scribe", { to = "now" }))
    change(runtime, 3)
    assert(runtime:drain())
    assert.equal("x1 x2 x3", take(book))
  end)

  it("does so in a runtime with lanes while it handles events", function()
    local text = template:format "partitions = 3,"
      :gsub("return context.services.*\n  end }", "context:sleep(0.0001) end }")
    local runtime <close> = assert(domains.open(text, { lanes = 2, reaction_lanes = 2 }))
    local last
    for round = 1, 20 do
      for i = 1, 10 do
        last = assert(runtime:dispatch("Change", { id = "k" .. i % 4, by = round }))
      end
      assert(runtime:reset("scribe", { to = round % 3 == 0 and "now" or "beginning" }))
    end
    assert(runtime:drain())
    local it = assert(runtime:subscriptions())[1]
    assert.equal(last.position, it.position)
    assert(runtime:reset("scribe", { to = "beginning" }))
    local before = 0
    for _, partition in ipairs(it.partitions) do before = before + partition.handled end
    assert(runtime:drain())
    local after = 0
    for _, partition in ipairs(assert(runtime:subscriptions())[1].partitions) do
      after = after + partition.handled
    end
    assert.is_true(after >= before + last.position)
  end)
end)

describe("a reset", function()
  it("is for what reaches outside", function()
    local runtime <close> = open()
    local _, err = runtime:reset("sums", { to = "beginning" })
    assert.equal("usage", err.code)
    assert.truthy(err.message:find("'sums' is a projection: it is rebuilt", 1, true), err.message)
    _, err = runtime:reset("count", { to = "beginning" })
    assert.truthy(err.message:find("'count' is a saga, and cannot be reset", 1, true))
    _, err = runtime:reset("skribe", { to = "now" })
    assert.equal("unknown", err.code)
    _, err = runtime:reset("scribe", { to = 1 })
    assert.equal("invalid", err.code)
    assert.truthy(err.message:find("position 1: the store's last is 0", 1, true), err.message)
  end)

  for what, message in pairs {
    ["nil"] = "runtime:reset needs { to = ",
    ["{}"] = "runtime:reset needs { to = ",
    ["{ to = 'end' }"] = "'to' must be \"beginning\", \"now\" or a position from 0, but is 'end'",
    ["{ to = -1 }"] = "but is '-1'",
    ["{ to = 1, at = 2 }"] = "runtime:reset has no option 'at'; did you mean 'to'?",
  } do
    it("says where to: " .. what, function()
      local runtime <close> = open()
      local ok, why = pcall(runtime.reset, runtime, "scribe", load("return " .. what)())
      assert.is_false(ok)
      assert.truthy(tostring(why):find(message, 1, true), tostring(why))
    end)
  end
end)
