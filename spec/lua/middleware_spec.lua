-- Middleware: what wraps every command and query, and how it waits.

local domains = require "spec.lua.domains"

local function source(middleware)
  return ([[
local neap = require "neap"
local spec = neap.domain "spec"
local Added = spec:event "Added" { id = "string", n = "integer" }
local Add = spec:command "Add" { id = "string", n = "integer" }
local Note = spec:command "Note" { text = "string" }
local Noted = spec:event "Noted" { text = "string" }
local Total = spec:query "Total" { id = "string" }
spec:aggregate "Counter" {
  key = "id",
  initial = { total = 0 },
  commands = { Add = function(counter, command)
    if command.n < 0 then return neap.reject("negative", "only more", { n = command.n }) end
    if command.n == 13 then error "unlucky" end
    return Added(command)
  end },
  events = { Added = function(counter, event) counter.total = counter.total + event.n end },
}
spec:handle(Note, function(command, context)
  context:publish(Noted(command), { stream = "Notes-1" })
end)
spec:answer(Total, function(query, context)
  return (context:state("Counter", query.id) or { total = 0 }).total
end)
local seen = {}
spec:answer(spec:query "Seen" {}, function() return seen end)
%s
return spec
]]):format(middleware)
end

local lanes -- of the runtimes that are opened

local function open(middleware, options)
  options = options or {}
  options.lanes = lanes
  return assert(domains.open(source(middleware), options))
end

local function add(runtime, id, n, options)
  return runtime:dispatch("Add", { id = id, n = n }, options)
end

local function events(runtime)
  local found = {}
  for event in runtime:events {} do found[#found + 1] = event end
  return found
end

local function message_of(err)
  return (err.message:gsub("/[^:]*/", ""))
end

local function behaves()
  it("passes messages on", function()
    local runtime <close> = open "spec:use(function(m, c, next) return next(m, c) end)"
    local receipt = assert(add(runtime, "a", 2))
    assert.same({ "Counter-a", 1, 1, { "Added" } },
      { receipt.stream, receipt.version, receipt.position, receipt.events })
    assert.equal(2, runtime:query("Total", { id = "a" }))
    assert(runtime:dispatch("Note", { text = "x" }))
  end)

  it("runs the first outermost", function()
    local runtime <close> = open [[
      for _, name in ipairs { "a", "b" } do
        spec:use(function(m, c, next)
          seen[#seen + 1] = name .. "<" .. c.kind .. " " .. c.name
          local result, err = next(m, c)
          seen[#seen + 1] = name .. ">"
          return result, err
        end)
      end]]
    assert(add(runtime, "a", 1))
    assert.same({ "a<command Add", "b<command Add", "b>", "a>", "a<query Seen", "b<query Seen" },
      runtime:query "Seen")
  end)

  it("sees the receipt, and an error as hosts do", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        local result, err = next(m, c)
        if c.kind == "command" then seen[#seen + 1] = result or
          { err.status, err.code, err.message, err.details or "", tostring(err) } end
        return result, err
      end)]]
    local receipt = assert(add(runtime, "a", 1))
    local _, err = add(runtime, "a", -1)
    assert.same({ "rejected", "negative", "only more", { n = -1 } },
      { err.status, err.code, err.message, err.details })
    _, err = add(runtime, "a", 13)
    assert.equal("handler", err.code)
    assert.is_nil(err.outcome)
    local seen = runtime:query "Seen"
    assert.same(receipt, seen[1])
    assert.same({ "rejected", "negative", "only more", { n = -1 }, "negative: only more" }, seen[2])
    assert.equal("handler", seen[3][1])
    assert.truthy(err.traceback:find("domain.lua:13", 1, true))
  end)

  it("has the envelope, and a clock and chance that are real", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        if c.kind == "command" then
          local n = c:random()
          seen[#seen + 1] = { c.meta, c.command_id, c.correlation_id, c.idempotency_key,
            c.causation_id or "none", math.type(c:now()), math.type(c:clock()), n >= 0 and n < 1,
            c:remaining() == nil, getmetatable(c.services) }
        end
        return next(m, c)
      end)]]
    local options = { meta = { user = "ada" }, idempotency_key = "k" }
    local receipt = assert(add(runtime, "a", 1, options))
    local id = receipt.command_id
    assert.same({ { { user = "ada" }, id, id, "k", "none", "integer", "float", true, true,
      "neap.Services" } }, runtime:query "Seen")
  end)

  it("can change the message, which is routed anew", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        if c.name == "Add" then
          m = Add { id = m.id .. "!", n = m.n }
          m.n = m.n * 10
        end
        return next(m, c)
      end)]]
    assert.equal("Counter-a!", assert(add(runtime, "a", 2)).stream)
    assert.equal(20, runtime:query("Total", { id = "a!" }))
  end)

  it("can put another message in its place", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        return next(c.name == "Note" and Add { id = m.text, n = 1 } or m, c)
      end)]]
    assert.equal("Counter-x", assert(runtime:dispatch("Note", { text = "x" })).stream)
  end)

  it("can refuse, and answer a query by itself", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        if c.kind == "query" and m.id then return { mine = m.id } end
        if m.n == 1 then return neap.reject("one", "not that", { n = 1 }) end
        if m.n == 2 then return nil, neap.reject("two", "nor that") end
        if m.n == 3 then return nil, { code = "unavailable", message = "later" } end
        if m.n == 4 then return nil, { code = "own", message = "no", details = { 4 } } end
        if m.n == 5 then return nil, "a text" end
        return next(m, c)
      end)]]
    assert.same({ mine = "a" }, runtime:query("Total", { id = "a" }))
    local expected = {
      { "rejected", "one", "not that", { n = 1 } }, { "rejected", "two", "nor that" },
      { "unavailable", "unavailable", "later" }, { "rejected", "own", "no", { 4 } },
      { "handler", "handler", "a text" },
    }
    for n, fields in ipairs(expected) do
      local receipt, err = add(runtime, "a", n)
      assert.is_nil(receipt)
      assert.same(fields, { err.status, err.code, err.message, err.details })
    end
    assert.same({}, events(runtime))
  end)

  it("can call next again", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        local result, err = next(m, c)
        if err and err.code == "negative" then m.n = -m.n result, err = next(m, c) end
        return result, err
      end)]]
    local receipt = assert(add(runtime, "a", -3))
    assert.equal(3, runtime:query("Total", { id = "a" }))
    assert.equal(receipt.command_id, events(runtime)[1].command)
  end)

  it("gives each effect an id of its own when next took effect before", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        local result, err = next(m, c)
        if c.kind == "command" then result, err = next(m, c) end
        return result, err
      end)]]
    local receipt = assert(add(runtime, "a", 3))
    local log = events(runtime)
    assert.equal(2, #log)
    assert.equal(log[1].command, log[2].causation_id == log[2].command and log[1].command)
    assert.not_equal(log[1].command, log[2].command)
    assert.equal(receipt.command_id, log[2].command)
    assert.equal(log[1].correlation_id, log[2].correlation_id)
  end)

  it("takes effect once for an idempotency key", function()
    local runtime <close> = open "spec:use(function(m, c, next) return next(m, c) end)"
    assert(add(runtime, "a", 3, { idempotency_key = "k" }))
    assert.is_true(assert(add(runtime, "a", 3, { idempotency_key = "k" })).repeated)
    assert.equal(1, #events(runtime))
  end)

  it("knows a key again although it adds the time to the command", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        m.n = m.n + c:now()
        return next(m, c)
      end)
    ]]
    local first = assert(add(runtime, "a", 3, { idempotency_key = "k" }))
    local second = assert(add(runtime, "a", 3, { idempotency_key = "k" }))
    assert.is_true(second.repeated)
    assert.equal(first.command_id, second.command_id)
    assert.equal("duplicate", select(2, add(runtime, "a", 4, { idempotency_key = "k" })).code)
    assert.equal(1, #events(runtime))
  end)

  it("sees a timeout when its caller gives up while it sleeps", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        local result, err = next(m, c)
        if c.name == "Add" then seen[#seen + 1] = err and err.code or "no error" end
        return result, err
      end)
      spec:use(function(m, c, next)
        if c.name == "Add" then c:sleep(60) end
        return next(m, c)
      end)
    ]]
    local timeout = 0.01
    local seen
    repeat -- until there was time enough to begin it, on a busy machine too
      timeout = timeout * 2
      local _, err = add(runtime, "a", 3, { timeout = timeout })
      assert.equal("timeout", err.code)
      seen = assert(runtime:query "Seen")
    until #seen > 0 or timeout > 10
    assert.same({ "timeout" }, seen)
    assert.equal(0, #events(runtime))
  end)

  it("keeps the order of a stream's commands", function()
    local runtime <close> = open "spec:use(function(m, c, next) return next(m, c) end)"
    local pending = {}
    for n = 1, 50 do pending[n] = assert(runtime:send("Add", { id = "a", n = 1 })) end
    for n = 1, 50 do assert.equal(n, assert(pending[n]:wait(20)).version) end
  end)

  local mistakes = {
    ["that raises"] = { "error 'broken'", "domain.lua:27: broken" },
    ["that raises an error object"] = { "error(select(2, next(m, c)))", "only more" },
    ["that passes no message"] = { "return next({ id = 'a', n = 1 }, c)",
      ":27: next needs the command, or another one that its constructor made, but got a table" },
    ["that passes nothing"] = { "return next()",
      ":27: next needs the message, and the context that the middleware got" },
    ["that passes an event"] = { "return next(Added { id = 'a', n = 1 }, c)",
      "but got a message of another kind" },
    ["that passes what does not fit"] = { "m.n = 'x' return next(m, c)",
      ":27: next: Add: n: expected integer, got string" },
    ["that gives nothing"] = { "do return end", "a middleware gave nothing for the command 'Add'" },
    ["that makes up a receipt"] = { "return { version = 1 }",
      "a command's receipt comes from next" },
    ["that gives no error"] = { "return nil, 3", "a middleware gave nil and a number for 'Add'" },
    ["that yields"] = { "coroutine.yield()", "a middleware is no coroutine" },
    ["that publishes"] = { "c:publish()", "context.publish is for handlers" },
    ["that asks for what is not there"] = { "c:slep(1)", "did you mean 'sleep'?" },
    ["that waits in gsub"] = { "('x'):gsub('x', function() next(m, c) end)",
      "nothing can wait inside " },
    ["that waits in sort"] = { "table.sort({ 1, 2 }, function() c:sleep(0) end)",
      "sort" },
    ["that waits in tostring"] = {
      "tostring(setmetatable({}, { __tostring = function() next(m, c) end }))",
      "nothing can wait inside tostring" },
  }
  for name, mistake in pairs(mistakes) do
    it(name .. " is told so, and others go on", function()
      local runtime <close> = open(([[
        spec:use(function(m, c, next)
          if m.n == -1 then %s end return next(m, c) end)]]):format(mistake[1]))
      local receipt, err = add(runtime, "a", -1)
      assert.is_nil(receipt)
      assert.truthy(message_of(err):find(mistake[2], 1, true),
        message_of(err))
      assert(add(runtime, "a", 1))
    end)
  end

  it("is defined with a function", function()
    local _, err = domains.open(source "spec:use(3)")
    assert.equal("domain.lua:26: domain:use needs a function (message, context, next), but got a "
      .. "number", err.message)
  end)

  it("can use a context no longer than its message", function()
    local runtime <close> = open [[
      local old, later
      spec:use(function(m, c, next)
        if old then seen = { select(2, pcall(function() return old:now() end)),
          select(2, pcall(later, m, old)), select(2, pcall(later, m, c)) } end
        old, later = c, next
        return next(m, c)
      end)]]
    assert(add(runtime, "a", 1))
    local seen = runtime:query "Seen"
    assert.truthy(seen[1]:find("context.now: the message that this context belongs to has ended", 1,
      true))
    assert.truthy(seen[2]:find("next needs the message, and the context", 1, true))
  end)

  it("sees no message that does not fit its schema", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next) seen[#seen + 1] = c.name return next(m, c) end)]]
    local _, err = runtime:dispatch("Add", { id = "a" })
    assert.same({ "invalid", "n" }, { err.code, err.path })
    assert.same({ "Seen" }, runtime:query "Seen")
  end)

  it("says that the outcome is unknown if it fails behind an effect", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        local result, err = next(m, c)
        if m.n == 7 then error "late" end
        return result, err
      end)]]
    local _, err = add(runtime, "a", 7)
    assert.same({ "handler", "unknown" }, { err.code, err.outcome })
    assert.equal(1, #events(runtime))
  end)

  it("gives up when the caller's time is over", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        if m.n then
          assert(c:remaining() <= 60)
          local slept, err = c:sleep(600)
          if not slept then return nil, err end
        end
        return next(m, c)
      end)]]
    local _, err = add(runtime, "a", 1, { timeout = 0.02 })
    assert.equal("timeout", err.code) -- outcome unknown or not: the lane wakes as the caller does
    assert(runtime:drain(20))
    assert.same({}, events(runtime))
  end)

  it("narrows the time of what it wraps", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        local result, err = next(m, c)
        seen[#seen + 1] = err and err.code
        if err and err.code == "timeout" then m.n = 1 return next(m, c) end
        return result, err
      end)
      spec:use(function(m, c, next)
        local _ <close> = c:timeout(m.n == 2 and 0.001 or 60)
        if m.n == 2 then c:sleep(1) end
        return next(m, c)
      end)]]
    assert.equal(1, assert(add(runtime, "a", 2)).version)
    assert.same({ "timeout" }, runtime:query "Seen")
  end)

  it("goes on with other messages while one sleeps", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        while m.n == 1 and #seen == 0 do c:sleep(0.001) end
        if m.n == 2 then seen[1] = "go" end
        return next(m, c)
      end)]]
    local slow = assert(runtime:send("Add", { id = "a", n = 1 }))
    assert(add(runtime, "b", 2))
    assert(slow:wait(20))
  end)

  it("is answered 'closed' if it still sleeps when the runtime closes", function()
    local runtime = open([[
      local function closes() seen[1] = "closed" end
      spec:use(function(m, c, next)
        local _ <close> = setmetatable({}, { __close = closes })
        if m.n == 1 then c:sleep(600) end
        return next(m, c)
      end)]], { close_ms = 1 })
    local pending = assert(runtime:send("Add", { id = "a", n = 1 }))
    assert(add(runtime, "b", 2))
    runtime:close()
    local _, err = pending:wait(20)
    assert.equal("closed", err.code)
  end)

  it("counts as a message that waits", function()
    local runtime <close> = open([[
      spec:use(function(m, c, next)
        while m.n == 1 and #seen == 0 do c:sleep(0.001) end
        return next(m, c)
      end)]], { queue_length = 4, close_ms = 1 })
    local busy
    for _ = 1, 9 do
      local _, err = runtime:send("Add", { id = "a", n = 1 }, { fail_when_full = true })
      busy = busy or err
    end
    assert.equal("busy", busy.code)
  end)

  it("gets what next gives when it is durable", function()
    local store = os.tmpname()
    os.remove(store)
    local runtime <close> = open([[
      spec:service("file", function(config)
        return { size = function()
          local file <close> = io.open(config.path .. "-wal", "rb")
          return file and file:seek "end" or 0
        end }
      end)
      spec:use(function(m, c, next)
        if c.kind == "query" then return next(m, c) end
        local before = c.services.file.size()
        local result, err = next(m, c)
        seen[#seen + 1] = c.services.file.size() > before
        return result, err
      end)]], { store = "sqlite:" .. store, config = { file = { path = store } } })
    assert(add(runtime, "a", 1))
    assert(add(runtime, "a", 1))
    assert.same({ true, true }, runtime:query "Seen")
    runtime:close()
    for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do os.remove(store .. ending) end
  end)
end

describe("middleware", function()
  before_each(function() lanes = 1 end)
  behaves()

  it("waits in coroutines of its own, and in pcall", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        local each = coroutine.wrap(function()
          coroutine.yield "mine"
          local inner = coroutine.create(function() return next(m, c) end)
          local ok, result, err = coroutine.resume(inner)
          coroutine.yield(ok)
          return result, err
        end)
        assert(each() == "mine")
        assert(c:sleep(0.001))
        assert(each() == true)
        local ok, result, err = pcall(each)
        assert(ok)
        return result, err
      end)]]
    assert.equal(1, assert(add(runtime, "a", 1)).version)
    local _, err = add(runtime, "a", -1)
    assert.equal("negative", err.code)
  end)

  it("is bounded by the limits", function()
    local runtime <close> = open([[
      spec:use(function(m, c, next)
        while m.n == 1 do end
        while m.n == 2 do c:sleep(0) end
        while m.n == -3 do next(m, c) end
        while m.n == 4 do pcall(c.sleep, c, 0) end
        return next(m, c)
      end)]], { handler_instructions = 1000000 })
    for n, limit in pairs { [1] = "instructions", [2] = "waits", [-3] = "waits", [4] = "waits" } do
      local _, err = add(runtime, "a", n)
      assert.equal("limit", err.code, n)
      assert.truthy(err.message:find(limit, 1, true), err.message)
    end
    assert(add(runtime, "a", 5))
  end)

  it("cannot wait in a coroutine inside gsub", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        ('x'):gsub('x', function() coroutine.wrap(function() next(m, c) end)() end)
      end)]]
    local _, err = add(runtime, "a", 1)
    assert.truthy(err.message:find("nothing can wait inside string.gsub", 1, true), err.message)
  end)
end)

describe("middleware in a host's own Lua", function()
  before_each(function() lanes = 0 end)
  behaves()

  it("waits", function()
    local runtime <close> = open([[
      spec:use(function(m, c, next)
        local slept, err = c:sleep(m.n == 2 and 60 or 0.001)
        if not slept then return nil, err end
        return next(m, c)
      end)]], { lanes = 0, close_ms = 1 })
    local pending = assert(runtime:send("Add", { id = "a", n = 1 }))
    assert.equal(2, assert(add(runtime, "a", 1)).version)
    assert.equal(1, assert(pending:wait()).version)
    local _, err = add(runtime, "a", 2, { timeout = 0.01 })
    assert.equal("timeout", err.code)
    assert.equal(2, runtime:query("Total", { id = "a" }))
  end)

  it("cannot wait in a coroutine of its own", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        return coroutine.wrap(function() return next(m, c) end)()
      end)]]
    local _, err = add(runtime, "a", 1)
    assert.truthy(err.message:find("in a host's own Lua (lanes = 0) nothing can wait inside a "
      .. "coroutine", 1, true), err.message)
  end)

  it("is bounded in how often it waits", function()
    local runtime <close> = open [[
      spec:use(function(m, c, next)
        while true do c:sleep(0) end
      end)]]
    local _, err = add(runtime, "a", 1)
    assert.equal("limit", err.code)
  end)
end)
