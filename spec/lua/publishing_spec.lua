-- Outboxes that the domain publishes by itself: with a function, or a service.

local domains = require "spec.lua.domains"

-- %s: the outbox, and what it needs.
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
local function note(context, text)
  context:send(Note { book = "b", text = tostring(text) })
end
local calls = 0
%s
return shop
]]

local quick = "retry = { attempts = 3, first_delay = 0.001, factor = 1 }"

-- The outbox has this function, and these options beside.
local function publishing(body, options)
  return ([[shop:outbox "partners" { types = { "Changed" }, %s,
    to = function(message, context) %s end }]]):format(options or quick, body)
end

local function open(text, options)
  return assert(domains.open(template:format(text), options))
end

local function change(runtime, id, by)
  return assert(runtime:dispatch("Change", { id = id, by = by }))
end

local function notes(runtime)
  return assert(runtime:query("GetNotes", { book = "b" }))
end

local function state_of(runtime)
  return assert(runtime:subscriptions())[1]
end

-- Until the outbox has tried so often.
local function await_failing(runtime, count)
  local deadline = os.time() + 60
  repeat
    local partition = state_of(runtime).partitions[1]
    if (partition.failing or 0) >= count then return partition end
    assert(os.time() < deadline, "it did not fail so often")
  until false
end

describe("an outbox of the domain's own", function()
  for _, lanes in ipairs { 0, 1, 2 } do
    it("publishes each event once, in order, with lanes = " .. lanes, function()
      local runtime <close> = open(publishing "note(context, message.data.by)", { lanes = lanes })
      for i = 1, 10 do change(runtime, i % 2 == 0 and "x" or "y", i) end
      assert(runtime:drain())
      assert.equal("1 2 3 4 5 6 7 8 9 10", notes(runtime))
      assert.equal("outbox", state_of(runtime).kind)
    end)
  end

  it("gets the event as it was recorded, and a CloudEvent", function()
    local runtime <close> = open(publishing [[
      note(context, message.id == context.event.id)
      note(context, message.type .. message.stream .. message.data.by .. message.content_type)
      note(context, message.body)]])
    change(runtime, "x", 7)
    assert(runtime:drain())
    local stored = runtime:events()()
    local said = notes(runtime)
    assert.equal("true ChangedAccount-x7application/cloudevents+json ", said:match "^true %S+ ")
    local body = said:match "({.*})"
    assert.equal(stored.id, body:match '"id":"([%x%-]+)"')
    assert.equal("/shop", body:match '"source":"([^"]+)"')
    assert.equal("Account-x", body:match '"subject":"([^"]+)"')
    assert.equal('{"by":7,"id":"x"}', body:match '"data":(%b{})')
  end)

  it("may wait and ask", function()
    local runtime <close> = open(publishing [[
      context:sleep(0.001)
      local before = context:query(GetNotes { book = "b" })
      assert(context:dispatch(Note { book = "b", text = "[" .. before .. "]" }))]])
    change(runtime, "x", 1)
    change(runtime, "x", 2)
    assert(runtime:drain())
    assert.equal("[] [[]]", notes(runtime))
  end)

  local audit = [[
    shop:service("audit", function()
      return { publish = function(message, context) note(context, message.data.by) end }
    end)
    shop:outbox "partners" { types = { "Changed" }, to = "service:audit", source = "//here" }]]

  it("publishes with a service", function()
    local runtime <close> = open(audit)
    change(runtime, "x", 3)
    assert(runtime:drain())
    assert.equal("3", notes(runtime))
  end)

  it("publishes with what a host gives in a service's place", function()
    local got = {}
    local runtime <close> = open(audit, { lanes = 0, services = {
      audit = { publish = function(message) got[#got + 1] = message.body end },
    } })
    change(runtime, "x", 3)
    assert(runtime:drain())
    assert.equal(1, #got)
    assert.equal("//here", got[1]:match '"source":"([^"]+)"')
    assert.equal("", notes(runtime))
  end)

  it("stops at what it cannot publish, and goes on there when it is resumed", function()
    local runtime <close> = open(publishing [[
      calls = calls + 1
      if calls < 5 then error("no " .. message.data.by) end
      note(context, message.data.by)]])
    change(runtime, "x", 1)
    change(runtime, "x", 2)
    local ok, err = runtime:drain()
    assert.is_nil(ok)
    assert.equal("unavailable", err.code)
    assert.truthy(err.message:find("outbox 'partners' has stopped at position 1: ", 1, true))
    assert.truthy(err.message:find("no 1", 1, true))
    local partition = state_of(runtime).partitions[1]
    assert.equal("stopped", partition.state)
    assert.equal(1, partition.stopped_at)
    assert(runtime:resume "partners")
    assert(runtime:drain())
    assert.equal("1 2", notes(runtime))
  end)

  it("publishes again for as long as it takes what is unavailable", function()
    local runtime <close> = open(publishing [[
      calls = calls + 1
      if calls < 20 then return nil, { code = "unavailable", message = "away" } end
      note(context, message.data.by .. "/" .. calls)]])
    change(runtime, "x", 1)
    assert(runtime:drain())
    assert.equal("1/20", notes(runtime))
  end)

  it("shows what it tries again", function()
    local runtime <close> = open(publishing [[
      return nil, { code = "timeout", message = "no answer" }]])
    change(runtime, "x", 1)
    local partition = await_failing(runtime, 4)
    assert.equal("no answer", partition.error)
    assert.equal("catching up", partition.state)
    assert.equal(0, partition.position)
    assert.truthy(assert(runtime:metrics()).subscriptions.partners.failing >= 4)
  end)

  it("stops at once at what it rejects", function()
    local runtime <close> = open(publishing [[
      calls = calls + 1
      return neap.reject("too_large", "call " .. calls)]])
    change(runtime, "x", 1)
    local _, err = runtime:drain()
    assert.equal("outbox 'partners' has stopped at position 1: call 1", err.message)
  end)

  it("takes a failure without a code as any error", function()
    local runtime <close> = open(publishing [[calls = calls + 1; return nil, "call " .. calls]])
    change(runtime, "x", 1)
    local _, err = runtime:drain()
    assert.equal("outbox 'partners' has stopped at position 1: call 3", err.message)
  end)

  it("sets aside what fails, if it is to, and what follows in its stream", function()
    local runtime <close> = open(publishing([[
      calls = calls + 1
      if message.stream == "Account-x" and calls < 6 then error "no" end
      note(context, message.data.by)]], quick .. [[, on_failure = "dead_letter"]]))
    change(runtime, "x", 1)
    change(runtime, "y", 2)
    change(runtime, "x", 3)
    assert(runtime:drain())
    assert.equal("2", notes(runtime))
    local letters = assert(runtime:dead_letters "partners")
    assert.equal(2, #letters)
    assert.same({ 1, 3 }, { letters[1].position, letters[2].position })
    assert.same({ 3, 0 }, { letters[1].attempts, letters[2].attempts })
    assert(runtime:retry_dead_letters "partners") -- the fifth call
    assert.equal(2, #assert(runtime:dead_letters "partners"))
    assert(runtime:retry_dead_letters "partners")
    assert(runtime:drain())
    assert.equal("2 1 3", notes(runtime))
    assert.same({}, assert(runtime:dead_letters "partners"))
  end)

  it("is not wrapped in middleware", function()
    local runtime <close> = open([[
      shop:use(function(message, context, next)
        if message.content_type then error "it is wrapped" end
        return next(message, context)
      end)]] .. publishing "note(context, message.data.by)")
    change(runtime, "x", 1)
    assert(runtime:drain())
    assert.equal("1", notes(runtime))
  end)

  it("fails where a service does not publish", function()
    local runtime <close> = open([[
      shop:service("audit", function() return {} end)
      shop:outbox "partners" { types = { "Changed" }, to = "service:audit", ]] .. quick .. " }")
    change(runtime, "x", 1)
    local _, err = runtime:drain()
    assert.truthy(err.message:find("outbox 'partners': the service 'audit' has no function "
      .. "'publish'", 1, true))
  end)
end)
