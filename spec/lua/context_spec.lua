-- What `context` offers while a handler runs.

local domains = require "spec.lua.domains"

local function error_in_handler(body)
  local events, err = domains.handle(body)
  assert.is_nil(events)
  return err.message, err
end

describe("context", function()
  it("gives time, ids and meta that are the command's own", function()
    local events, receipt = domains.handle [[
      assert(context:now() == context:now() and math.type(context:now()) == "integer")
      assert(context:id() ~= context:id())
      local meta = context.meta
      meta.user = meta.user .. "!"
      assert(context.meta.user == "ada")
      context:publish(Done { value = { context:now(), context.command_id, context.correlation_id,
        context.causation_id or "outside", meta.user } }, { stream = "Spec-1" })
    ]]
    local value = events[1].data.value
    local id = receipt.command_id
    assert.same({ events[1].recorded_at, id, id, "outside", "ada!" }, value)
    assert.equal(receipt.command_id, events[1].command)
    assert.equal(receipt.command_id, events[1].causation_id)
    assert.same({ user = "ada" }, events[1].meta)
  end)

  it("gives ids that are UUIDs and differ from the events' ids", function()
    local events = domains.handle [[
      local first = context:id()
      context:publish(Done { value = first }, { stream = "Spec-1" })
      context:publish(Done { value = context:id() }, { stream = "Spec-1" })
    ]]
    local seen = {}
    for _, event in ipairs(events) do
      assert.truthy(event.data.value:match "^%x+%-%x+%-7%x+%-%x+%-%x+$")
      seen[event.id], seen[event.data.value] = true, true
    end
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    assert.equal(4, count)
  end)

  it("publishes several events to several streams as one unit", function()
    local events, receipt = domains.handle [[
      context:publish(Done { value = 1 }, { stream = "A-1" })
      context:publish(Done { value = 2 }, { stream = "B-1", expected = 0 })
      context:publish(Done { value = 3 }, { stream = "A-1" })
    ]]
    assert.equal(3, #receipt.events)
    assert.same({ "A-1", "B-1", "A-1" }, { events[1].stream, events[2].stream, events[3].stream })
    assert.same({ 1, 1, 2 }, { events[1].version, events[2].version, events[3].version })
  end)

  local mistakes = {
    ["context:publish()"] = "context:publish needs an event: call the event's constructor",
    ["context:publish({}, { stream = 'A-1' })"] =
      "context:publish needs an event: call the event's constructor",
    ["context:publish(Do {}, { stream = 'A-1' })"] =
      "context:publish needs an event: call the event's constructor",
    ["context:publish(Done {})"] = "context:publish needs { stream = \"…\" } behind the event",
    ["context:publish(Done {}, {})"] = "context:publish needs { stream = \"…\" }",
    ["context:publish(Done {}, { stream = 'A\\n1' })"] =
      "context:publish: stream name 'A\\n1' has a control character",
    ["context:publish(Done {}, { steam = 'A-1' })"] =
      "context:publish knows no option 'steam'; did you mean 'stream'?",
    ["context:publish(Done {}, { stream = 'A-1', expected = -1 })"] =
      "context:publish: 'expected' must be an integer from 0",
    ["context.publish(Done {})"] = "call it as context:publish(…), with a colon",
    ["context.now()"] = "call it as context:now(…), with a colon",
    ["context:nwo()"] = "context has no 'nwo'; did you mean 'now'?",
    ["context.services.mail.send()"] = "context.services has no 'mail'",
    ["context.x = 1"] = "context cannot be changed",
    ["context:state('Nobody', 'a')"] = "context:state: there is no aggregate 'Nobody'",
    ["context:state('Nobody')"] = "call it as context:state(\"Aggregate\", id)",
  }
  for body, message in pairs(mistakes) do
    it("says what is wrong with " .. body, function()
      local found, err = error_in_handler(body)
      assert.equal("handler", err.code)
      if not body:find("\\n", 1, true) then
        assert.equal("domain.lua:6: " .. message, found)
      end
    end)
  end

  it("is over when its handler is", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local kept
      spec:command "Keep" { id = "string" }
      spec:command "Do" { id = "string" }
      local Done = spec:event "Done" { value = { "string" } }
      spec:aggregate "Thing" { key = "id",
        initial = function() return { kept and select(2, pcall(kept.now, kept)) } end,
        commands = { Keep = function(_, _, context) kept = context end,
          Do = function(state) return Done { value = state } end },
        events = { Done = function() end } }
      return spec
    ]])
    assert(runtime:dispatch("Keep", { id = "b" }))
    assert(runtime:dispatch("Do", { id = "a" }))
    for event in runtime:events {} do
      assert.truthy(event.data.value[1]:find(
        "context.now: the handler that this context belongs to has ended", 1, true))
    end
  end)

  it("publishes nothing in an aggregate, and nothing in a query", function()
    local _, err = domains.decide "context:publish(Done { id = 'a' }, { stream = 'A-1' })"
    assert.equal("domain.lua:10: context:publish is for plain handlers; an aggregate's command "
      .. "returns its events", err.message)
    _, err = domains.decide "context:state('Thing', 'b')"
    assert.equal("domain.lua:10: context:state is for queries and plain handlers; an aggregate "
      .. "decides on its own state only", err.message)
    _, err = domains.ask "context:publish({}, {})"
    assert.equal("domain.lua:5: context:publish is for commands; a query changes nothing",
      err.message)
  end)
end)

describe("a plain handler", function()
  it("may publish nothing, or reject", function()
    assert.same({}, (domains.handle ""))
    local _, err = error_in_handler "return neap.reject('no', 'not today')"
    assert.equal("no", err.code)
    assert.equal("rejected", err.status)
  end)

  it("records nothing of what it published before it failed", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event "Done" {}
      spec:handle(spec:command "Do" { fail = "boolean" }, function(command, context)
        context:publish(Done {}, { stream = "A-1" })
        if command.fail then return neap.reject "no" end
      end)
      return spec
    ]])
    assert.is_nil(runtime:dispatch("Do", { fail = true }))
    local receipt = assert(runtime:dispatch("Do", { fail = false }))
    assert.equal(1, receipt.position)
  end)

  it("cannot publish in the check of a field", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event "Done" { text = "string" }
      local kept
      local Odd = spec:event "Odd" { value = function()
        if kept then
          local context = kept
          kept = nil
          context:publish(Done { text = ("x"):rep(100) }, { stream = "A-1" })
        end
        return true
      end }
      spec:handle(spec:command "Do" {}, function(_, context)
        local odd = Odd { value = 1 }
        kept = context
        pcall(context.publish, context, odd, { stream = "A-1" })
        context:publish(Done { text = "y" }, { stream = "A-1" })
      end)
      return spec
    ]])
    assert(runtime:dispatch "Do")
    local seen = {}
    for event in runtime:events {} do seen[#seen + 1] = event.type .. #event.data.text end
    assert.same({ "Done100", "Done1" }, seen)
  end)

  it("cannot return an event", function()
    assert.equal("domain.lua:5: the handler of 'Do' returned a message; a plain handler publishes "
      .. "events with context:publish(event, { stream = … })", (error_in_handler "return Done {}"))
    assert.equal("domain.lua:5: the handler of 'Do' returned a string; it returns nothing, or "
      .. "neap.reject(…)", (error_in_handler "return 'x'"))
  end)
end)

describe("a query", function()
  it("answers with anything that JSON can say", function()
    local neap = require "neap"
    assert.equal(neap.null, domains.ask "return nil")
    assert.equal(false, domains.ask "return false")
    assert.same({ 1, 2.5, "x", { a = {} } }, domains.ask "return { 1, 2.5, 'x', { a = {} } }")
  end)

  it("is told what JSON cannot say, and where", function()
    local answer, err = domains.ask "return { list = { 1, print } }"
    assert.is_nil(answer)
    assert.equal("handler", err.code)
    assert.equal("list[2]", err.path)
  end)

  it("may reject", function()
    local answer, err = domains.ask "return neap.reject('hidden', 'not for you')"
    assert.is_nil(answer)
    assert.equal("hidden", err.code)
  end)

  it("reads folded states, as copies of its own", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event "Done" { id = "string" }
      spec:command "Do" { id = "string" }
      spec:aggregate "Thing" { key = "id", initial = { count = 0 },
        commands = { Do = function(_, c) return Done { id = c.id } end },
        events = { Done = function(s) s.count = s.count + 1 end } }
      spec:answer(spec:query "Ask" { id = "string" }, function(query, context)
        local state = context:state("Thing", query.id)
        if state then state.count = state.count + 100 end
        return state
      end)
      return spec
    ]])
    assert(runtime:dispatch("Do", { id = "a" }))
    assert.same({ count = 101 }, runtime:query("Ask", { id = "a" }))
    assert.same({ count = 101 }, runtime:query("Ask", { id = "a" }))
    assert.equal(require("neap").null, runtime:query("Ask", { id = "b" }))
    assert(runtime:dispatch("Do", { id = "a" }))
    assert.same({ count = 2 }, runtime:state("Thing", "a"))
  end)

  for way, names in pairs { ["by key"] = 'key = "id"', ["by tags"] = 'tags = { "id" }' } do
    it("reads a state " .. way .. " that is busy without folding it anew each time", function()
      local path = os.tmpname()
      os.remove(path)
      local runtime <close> = assert(domains.open(([[
        local neap = require "neap"
        local spec = neap.domain "spec"
        local folded = 0
        local Done = spec:event("Done", { tags = { "id" } }) { id = "string" }
        spec:command "Do" { id = "string", times = "integer" }
        spec:aggregate "Thing" { %s, initial = { count = 0 },
          commands = { Do = function(_, command)
            local events = {}
            for i = 1, command.times do events[i] = Done { id = command.id } end
            return table.unpack(events)
          end },
          events = { Done = function(s) s.count, folded = s.count + 1, folded + 1 end } }
        spec:answer(spec:query "Ask" { id = "string" }, function(query, context)
          local id = %s
          return { count = context:state("Thing", id).count, folded = folded }
        end)
        return spec
      ]]):format(names, way == "by key" and "query.id" or "query"), { store = "sqlite:" .. path }))
      assert(runtime:dispatch("Do", { id = "a", times = 1000 }))
      local answer = { count = 0 }
      for _ = 1, 20 do
        for _ = 1, 3 do
          assert(runtime:send("Do", { id = "a", times = 1 }))
        end
        local last = answer.count
        answer = assert(runtime:query("Ask", { id = "a" }))
        assert.is_true(answer.count >= last)
      end
      assert(runtime:drain())
      answer = assert(runtime:query("Ask", { id = "a" }))
      assert.equal(1060, answer.count)
      assert.is_true(answer.folded < 3000, answer.folded)
      for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do
        os.remove(path .. ending)
      end
    end)
  end
end)
