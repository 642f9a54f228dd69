-- Sending for later, from hosts and from plain handlers.

local domains = require "spec.lua.domains"
local neap = require "neap"

local source = [[
local neap = require "neap"
local spec = neap.domain "spec"
local Added = spec:event "Added" { id = "string", n = "integer" }
local Started = spec:event "Started" { id = "string" }
local Add = spec:command "Add" { id = "string", n = "integer" }
local Start = spec:command "Start" {
  id = "string", n = "integer", after = "number?", at = "integer?", name = "string?",
  twice = "boolean?", reject = "boolean?",
}
local Stop = spec:command "Stop" { name = "string" }
local Ask = spec:query "Ask" {}
local Body = spec:command "Body" { body = "string" }

spec:aggregate "Tally" {
  key = "id",
  initial = { total = 0 },
  commands = { Add = function(_, command, context)
    if command.n == 13 then return neap.reject("unlucky", "thirteen") end
    if command.n == 99 then context:send(Add { id = "a", n = 1 }) end
    return Added(command)
  end },
  events = { Added = function(tally, event) tally.total = tally.total + event.n end },
}

spec:handle(Start, function(command, context)
  context:publish(Started { id = command.id }, { stream = "Start-" .. command.id })
  local options = { after = command.after, at = command.at, name = command.name }
  context:send(Add { id = command.id, n = command.n }, options)
  if command.twice then context:send("Add", { id = command.id, n = command.n + 1 }) end
  if command.reject then return neap.reject("no", "not today") end
end)

spec:handle(Stop, function(command, context) context:cancel(command.name) end)

spec:handle(Body, function(command, context)
  assert(load("local context, Add, Ask = ...\n" .. command.body, "=body"))(context, Add, Ask)
end)

spec:answer(Ask, function(_, context) context:send(Add { id = "a", n = 1 }) end)

return spec
]]

local start = 1700000000000000

for _, lanes in ipairs { 0, 1 } do
  describe("the queue, with lanes = " .. lanes .. ",", function()
    local now, runtime

    -- Only without lanes does a host in Lua have a clock of its own.
    local function open()
      now = start
      local options = { lanes = lanes }
      if lanes == 0 then options.clock = function() return now end end
      runtime = assert(domains.open(source, options))
    end

    before_each(open)
    after_each(function() runtime:close() end)

    local function numbers()
      local found = {}
      for event in runtime:events { types = "Added" } do found[#found + 1] = event.data.n end
      return found
    end

    local function timers()
      local found = {}
      for timer in runtime:timers() do found[#found + 1] = timer end
      return found
    end

    it("does a command once that is sent for now", function()
      local receipt = assert(runtime:send("Add", { id = "a", n = 1 }, { after = 0 }):wait())
      assert.same({}, receipt.events)
      assert(runtime:drain(20))
      assert.same({ 1 }, numbers())
      assert.same({}, timers())
      for event in runtime:events {} do assert.equal(receipt.command_id, event.command) end
    end)

    it("tells what waits, and takes it out", function()
      local options = { after = 3600, name = "remind/a", meta = { user = "ada" } }
      local receipt = assert(runtime:send("Add", { id = "a", n = 1 }, options):wait())
      assert(runtime:send("Add", { id = "a", n = 2 }, { after = 7200 }):wait())
      local waiting = timers()
      assert.equal(2, #waiting)
      assert.equal("remind/a", waiting[1].name)
      assert.equal("Add", waiting[1].command)
      assert.equal(receipt.command_id, waiting[1].id)
      assert.same({ id = "a", n = 1 }, waiting[1].data)
      assert.same({ user = "ada" }, waiting[1].meta)
      assert.equal(0, waiting[1].attempts)
      assert.is_true(waiting[1].due_at >= waiting[1].queued_at + 3600000000)
      assert.is_true(runtime:cancel "remind/a")
      assert.is_false(runtime:cancel "remind/a")
      assert.equal(1, #timers())
      assert.same({}, numbers())
    end)

    it("has each name once", function()
      assert(runtime:send("Add", { id = "a", n = 1 }, { after = 3600, name = "x" }):wait())
      assert(runtime:send("Add", { id = "a", n = 2 }, { after = 0, name = "x" }):wait())
      assert(runtime:drain(20))
      assert.same({ 2 }, numbers())
      assert.same({}, timers())
    end)

    it("gets what a plain handler sends, with what it publishes", function()
      assert(runtime:dispatch("Start", { id = "a", n = 1, twice = true }))
      assert(runtime:drain(20))
      assert.same({ 1, 2 }, numbers())
      local started
      for event in runtime:events { types = "Started" } do started = event end
      for event in runtime:events { types = "Added" } do
        assert.equal(started.correlation_id, event.correlation_id)
      end
    end)

    it("gets nothing from a handler that rejects", function()
      local _, err = runtime:dispatch("Start", { id = "a", n = 1, reject = true })
      assert.equal("no", err.code)
      assert(runtime:drain(20))
      assert.same({}, numbers())
      assert.same({}, timers())
    end)

    it("lets a handler cancel", function()
      assert(runtime:dispatch("Start", { id = "a", n = 1, after = 3600, name = "later" }))
      assert.equal("later", timers()[1].name)
      assert(runtime:dispatch("Stop", { name = "later" }))
      assert(runtime:dispatch("Stop", { name = "never there" }))
      assert.same({}, timers())
      assert.same({}, numbers())
    end)

    if lanes == 0 then
      it("does nothing before its time", function()
        assert(runtime:dispatch("Start", { id = "a", n = 1, after = 60 }))
        assert(runtime:dispatch("Start", { id = "a", n = 2, at = start + 30000000 }))
        now = now + 29999999
        assert(runtime:drain())
        assert.same({}, numbers())
        now = now + 1
        assert(runtime:drain())
        assert.same({ 2 }, numbers())
        now = now + 30000000
        assert(runtime:drain())
        assert.same({ 2, 1 }, numbers())
      end)
    end

    local function refused(options, data)
      local pending, err = runtime:send("Add", data or { id = "a", n = 1 }, options)
      if pending then pending, err = pending:wait() end
      assert.is_nil(pending)
      return err
    end

    it("refuses what cannot be queued", function()
      assert.equal("invalid", refused({ after = 1 }, { id = "a" }).code)
      assert.equal("invalid", refused({ after = 1, name = ("x"):rep(600) }).code)
      local err = refused { at = 1700000000 }
      assert.equal("usage", err.code)
      assert.truthy(err.message:find "expected microseconds since 1970")
      local _, unknown = runtime:send("Adt", { id = "a", n = 1 }, { after = 1 })
      assert.equal("there is no command 'Adt'; did you mean 'Add'?", unknown.message)
      assert.same({}, timers())
    end)

    for options, message in pairs {
      ["{ after = -1 }"] = "'after' must be a number of seconds from 0 to a hundred years",
      ["{ after = 'soon' }"] = "'after' must be a number of seconds, but is a string",
      ["{ after = 1, at = 1 }"] = "'after' and 'at' are both given",
      ["{ at = 1.5 }"] = "'at' must be an integer, the microseconds since 1970",
      ["{ name = 5 }"] = "'name' must be a text, but is a number",
      ["{ afer = 5 }"] = "knows no option 'afer'; did you mean 'after'?",
    } do
      it("refuses " .. options .. " with the caller's line", function()
        local text = "local runtime = ...\nruntime:send('Add', {}, " .. options .. ")"
        local ok, err = pcall(assert(load(text, "=call")), runtime)
        assert.is_false(ok)
        assert.truthy(tostring(err):find("call:2: runtime:send", 1, true), tostring(err))
        assert.truthy(tostring(err):find(message, 1, true), tostring(err))
      end)
    end

    for body, message in pairs {
      ["context:send(Ask {})"] = "context:send needs a command",
      ["context:send()"] = "context:send needs a command",
      ["context:send('Adt', {})"] = "did you mean 'Add'?",
      ["context:send('Add', { id = 'a' })"] = "Add",
      ["context:send(Add { id = 'a', n = 1 }, { after = -1 })"] = "'after' must be",
      ["context:send(Add { id = 'a', n = 1 }, { at = 1700000000 })"] = "'at' is 1700000000;",
      ["context:send(Add { id = 'a', n = 1 }, { name = '' })"] = "'name'",
      ["context:cancel()"] = "context:cancel needs a name",
      ["context:cancel ''"] = "the name",
    } do
      it("refuses " .. body, function()
        local _, failure = runtime:dispatch("Body", { body = body })
        assert.truthy(failure.message:find(message, 1, true), failure.message)
        assert.same({}, timers())
      end)
    end

    it("is not for queries, nor for decisions", function()
      local _, err = runtime:query "Ask"
      assert.truthy(err.message:find("a query changes nothing", 1, true), err.message)
      _, err = runtime:dispatch("Add", { id = "a", n = 99 })
      assert.truthy(err.message:find("context:send is for plain handlers", 1, true), err.message)
    end)

    it("is not for who waits for the outcome", function()
      local ok, err = pcall(runtime.dispatch, runtime, "Add", { id = "a", n = 1 }, { after = 1 })
      assert.is_false(ok)
      assert.truthy(tostring(err):find("knows no option 'after'", 1, true))
    end)
  end)
end

describe("a queue in a file", function()
  it("survives a restart", function()
    local folder = domains.write { ["domain.lua"] = source }
    local now = start
    local function open()
      local store = "sqlite:" .. folder .. "/queue.db"
      local options = { lanes = 0, clock = function() return now end, store = store }
      return assert(neap.open(folder .. "/domain.lua", options))
    end
    local runtime = open()
    for n = 3, 1, -1 do
      assert(runtime:send("Add", { id = "a", n = n }, { after = n, name = "n" .. n }):wait())
    end
    runtime:close()
    now = now + 2500000
    runtime = open()
    assert(runtime:drain())
    local found = {}
    for event in runtime:events {} do found[#found + 1] = event.data.n end
    assert.same({ 1, 2 }, found)
    assert.is_true(runtime:cancel "n3")
    runtime:close()
    domains.remove(folder)
  end)
end)
