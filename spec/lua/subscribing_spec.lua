-- Subscribers as they run: delivery, retries, dead letters, what they send.

local domains = require "spec.lua.domains"

local function temporary_store()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local function remove_store(path)
  for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do
    os.remove(path .. ending)
  end
end

-- %s: the subscriber.
local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Changed = shop:event "Changed" { id = "string", by = "integer" }
local Noted = shop:event "Noted" { book = "string", text = "string" }
local Change = shop:command "Change" { id = "string", by = "integer" }
local Note = shop:command "Note" { book = "string", text = "string" }
local GetNotes = shop:query "GetNotes" { book = "string" }
shop:aggregate "Account" {
  key = "id",
  initial = {},
  commands = {
    Change = function(_, command) return Changed { id = command.id, by = command.by } end,
  },
  events = { Changed = function() end },
}
shop:aggregate "Book" {
  key = "book",
  initial = { notes = {} },
  commands = {
    Note = function(_, command) return Noted { book = command.book, text = command.text } end,
  },
  events = { Noted = function(book, event) table.insert(book.notes, event.text) end },
}
shop:answer(GetNotes, function(query, context)
  local book = context:state("Book", query.book)
  return table.concat(book and book.notes or {}, " ")
end)
%s
return shop
]]

local function open(subscriber, options)
  return assert(domains.open(template:format(subscriber), options))
end

local function change(runtime, id, by)
  return assert(runtime:dispatch("Change", { id = id, by = by }))
end

local function notes(runtime, book)
  return assert(runtime:query("GetNotes", { book = book or "b" }))
end

local function state_of(runtime)
  return assert(runtime:subscriptions())[1]
end

local sends = [[
shop:subscriber "scribe" { %s
  events = { Changed = function(event, context)
    context:send(Note { book = "b", text = event.id .. event.by })
  end },
}
]]

describe("a subscriber", function()
  for _, lanes in ipairs { 0, 1, 2 } do
    it("gets each event once, in order, with lanes = " .. lanes, function()
      local runtime <close> = open(sends:format "", { lanes = lanes })
      for i = 1, 10 do change(runtime, i % 2 == 0 and "x" or "y", i) end
      assert(runtime:drain())
      assert.equal("y1 x2 y3 x4 y5 x6 y7 x8 y9 x10", notes(runtime))
    end)
  end

  it("may dispatch, ask and wait", function()
    local runtime <close> = open [[
      shop:subscriber "scribe" {
        events = { Changed = function(event, context)
          context:sleep(0.001)
          local before = context:query(GetNotes { book = "b" })
          assert(context:dispatch(Note { book = "b", text = "[" .. before .. "]" }))
        end },
      }]]
    change(runtime, "x", 1)
    change(runtime, "x", 2)
    assert(runtime:drain())
    assert.equal("[] [[]]", notes(runtime))
  end)

  it("gets the envelope", function()
    local runtime <close> = open [[
      shop:subscriber "scribe" {
        events = { Changed = function(event, context)
          local it = context.event
          context:send(Note { book = "b",
            text = it.type .. it.stream .. it.version .. it.position })
        end },
      }]]
    change(runtime, "x", 1)
    assert(runtime:drain())
    assert.equal("ChangedAccount-x11", notes(runtime))
  end)

  it("gets all events, or those of a category", function()
    local runtime <close> = open [[
      shop:subscriber "all" { all = true, handle = function(_, context)
        if context.event.type == "Changed" then
          context:send(Note { book = "all", text = context.event.stream })
        end
      end }
      shop:subscriber "one" { categories = "Account", handle = function(event, context)
        context:send(Note { book = "one", text = event.id })
      end }]]
    change(runtime, "x", 1)
    change(runtime, "y", 1)
    assert(runtime:drain())
    assert.equal("Account-x Account-y", notes(runtime, "all"))
    assert.equal("x y", notes(runtime, "one"))
  end)

  it("goes on from its checkpoint", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local options = { store = "sqlite:" .. path .. "?synchronous=normal" }
    local expected = {}
    for round = 1, 3 do
      local runtime <close> = open(sends:format "", options)
      for i = 1, 5 do
        change(runtime, "k" .. round, i)
        expected[#expected + 1] = "k" .. round .. i
      end
      assert(runtime:drain())
      assert.equal(table.concat(expected, " "), notes(runtime))
    end
  end)

  it("may begin with what comes after it was first there", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local options = { store = "sqlite:" .. path .. "?synchronous=normal" }
    do
      local runtime <close> = open("", options)
      change(runtime, "x", 1)
    end
    local runtime <close> = open(sends:format [[start = "now",]], options)
    change(runtime, "x", 2)
    assert(runtime:drain())
    assert.equal("x2", notes(runtime))
  end)

  it("handles streams side by side, each in order", function()
    local side_by_side = sends:format("partitions = 4,"):gsub('book = "b"', "book = event.id")
    local runtime <close> = open(side_by_side, { lanes = 2 })
    for i = 1, 40 do change(runtime, "s" .. i % 5, i) end
    assert(runtime:drain())
    for s = 0, 4 do
      local expected = {}
      for i = 1, 40 do
        if i % 5 == s then expected[#expected + 1] = "s" .. s .. i end
      end
      assert.equal(table.concat(expected, " "), notes(runtime, "s" .. s))
    end
  end)

  local fails = [[
    shop:subscriber "scribe" { %s
      events = { Changed = function(event, context)
        if event.by == 13 then error "unlucky" end
        context:send(Note { book = "b", text = event.id .. event.by })
      end },
    }]]

  it("tries again what fails, and sets it aside in the end, and its stream behind it", function()
    local said = {}
    local runtime <close> = open(fails:format [[
      retry = { attempts = 3, first_delay = 0.001, jitter = 0 },]],
      { log = function(_, text) said[#said + 1] = text end })
    local at = {} -- what the subscriber sends is recorded in between
    for i, by in ipairs { 1, 13, 3, 4 } do
      at[i] = change(runtime, i == 4 and "y" or "x", by).position
    end
    assert(runtime:drain())
    assert.equal("x1 y4", notes(runtime))
    local letters = assert(runtime:dead_letters())
    assert.equal(2, #letters)
    assert.equal("scribe", letters[1].subscription)
    assert.equal(at[2], letters[1].position)
    assert.equal("Account-x", letters[1].stream)
    assert.equal(3, letters[1].attempts)
    assert.truthy(letters[1].error.message:find("unlucky", 1, true))
    assert.truthy(letters[1].error.traceback)
    assert.equal(at[3], letters[2].position)
    assert.equal(0, letters[2].attempts)
    assert.truthy(table.concat(said, "\n"):find("is a dead letter now", 1, true))
  end)

  it("may stop at what fails", function()
    local runtime <close> = open(fails:format [[on_failure = "stop",
      retry = { attempts = 2, first_delay = 0.001 },]], { log = function() end })
    local at = {}
    for i, by in ipairs { 1, 13, 3 } do at[i] = change(runtime, "x", by).position end
    local _, err = runtime:drain()
    local said = "has stopped at position " .. at[2]
    assert.truthy(err.message:find(said, 1, true), err.message)
    assert.equal("x1", notes(runtime))
    assert.equal("stopped", state_of(runtime).state)
  end)

  it("keeps the order of a stream when a dead letter is tried again", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local options = { store = "sqlite:" .. path .. "?synchronous=normal", log = function() end }
    local failed
    do
      local runtime <close> = open(fails:format [[
        retry = { attempts = 1 },]], options)
      for i, by in ipairs { 1, 13, 3, 4 } do
        local position = change(runtime, i == 4 and "y" or "x", by).position
        failed = by == 13 and position or failed
      end
      assert(runtime:drain())
      assert(runtime:retry_dead_letters "scribe")
      assert(runtime:drain())
      assert.equal("x1 y4", notes(runtime))
      assert.equal(2, assert(runtime:dead_letters())[1].attempts)
    end
    local runtime <close> = open(sends:format "", options)
    change(runtime, "x", 5) -- waits behind the others
    assert(runtime:drain())
    assert.equal(3, #assert(runtime:dead_letters "scribe"))
    assert(runtime:retry_dead_letters("scribe", failed))
    assert(runtime:drain())
    assert.equal("x1 y4 x13 x3 x5", notes(runtime))
    assert.same({}, runtime:dead_letters())
    change(runtime, "x", 6)
    assert(runtime:drain())
    assert.equal("x1 y4 x13 x3 x5 x6", notes(runtime))
  end)

  it("goes on with a stream when its dead letter is dropped", function()
    local runtime <close> = open(fails:format [[retry = { attempts = 1 },]],
      { log = function() end })
    local at = {}
    for i, by in ipairs { 1, 13, 3 } do at[i] = change(runtime, "x", by).position end
    assert(runtime:drain())
    assert(runtime:drop_dead_letter("scribe", at[2]))
    assert(runtime:drain())
    assert.equal("x1 x3", notes(runtime))
    assert.same({}, runtime:dead_letters())
    assert.equal("unknown", select(2, runtime:drop_dead_letter("scribe", at[2])).code)
  end)

  it("that fails and one that sleeps do not hold up another", function()
    local runtime <close> = open([[
      shop:subscriber "fails" { retry = { attempts = 100, first_delay = 10 },
        events = { Changed = function() error "always" end } }
      shop:subscriber "sleeps" { events = { Changed = function(_, context)
        context:sleep(3600) end } }
    ]] .. sends:format "", { log = function() end, close_ms = 1 })
    for i = 1, 5 do change(runtime, "x", i) end
    assert(runtime:catch_up "scribe")
    local patience = os.time() + 20 -- what it sent is done behind it
    repeat until notes(runtime) == "x1 x2 x3 x4 x5" or os.time() > patience
    assert.equal("x1 x2 x3 x4 x5", notes(runtime))
  end)
end)
