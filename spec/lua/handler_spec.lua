-- Plain handlers and answers that wait: for what they dispatch and ask, for a state, for time.

local neap = require "neap"
local domains = require "spec.lua.domains"

-- A counter with a handler Do and an answer Ask, whose bodies are given.
local function source(handler, answer, more)
  return ([[
local neap = require "neap"
local spec = neap.domain "spec"
local Added = spec:event "Added" { id = "string", n = "integer" }
local Add = spec:command "Add" { id = "string", n = "integer" }
local Done = spec:event "Done" { value = "any?" }
local Do = spec:command "Do" { id = "string?", value = "any?" }
local Total = spec:query "Total" { id = "string" }
local Ask = spec:query "Ask" { id = "string?", value = "any?" }
local check
local Checked = spec:command "Checked" {
  field = function() if check then check() end return true end,
}
spec:handle(Checked, function() end)
local function churn() for i = 1, 5000 do check = { i } end check = nil end
local seen = {}
spec:answer(spec:query "Seen" {}, function() return seen end)
spec:aggregate "Counter" {
  key = "id",
  initial = { total = 0 },
  commands = { Add = function(counter, command, context)
    if command.n < 0 then return neap.reject("negative", "only more", { n = command.n }) end
    if command.n == 13 then error "unlucky" end
    return Added(command)
  end },
  events = { Added = function(counter, event) counter.total = counter.total + event.n end },
}
spec:answer(Total, function(query, context)
  return (context:state("Counter", query.id) or { total = 0 }).total
end)
spec:handle(Do, function(command, context) %s end)
spec:answer(Ask, function(query, context) %s end)
%s
return spec
]]):format(handler or "", answer or "", more or "")
end

local lanes -- of the runtimes that are opened

local function open(handler, answer, more, options)
  options = options or {}
  options.lanes = lanes
  return assert(domains.open(source(handler, answer, more), options))
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
  it("dispatches a command, which is durable on its own", function()
    local runtime <close> = open [[
      local receipt, err = context:dispatch(Add { id = "a", n = 3 })
      assert(err == nil)
      context:publish(Done { value = receipt }, { stream = "Log-1" })]]
    local receipt = assert(runtime:dispatch("Do", {}, { meta = { user = "ada" } }))
    local log = events(runtime)
    assert.same({ "Added", "Done" }, { log[1].type, log[2].type })
    local nested = log[2].data.value
    assert.same({ "Counter-a", 1, 1, false, { "Added" } },
      { nested.stream, nested.version, nested.position, nested.repeated, nested.events })
    assert.equal(log[1].command, nested.command_id)
    assert.same({ "Log-1", 2, { "Done" } }, { receipt.stream, receipt.position, receipt.events })
    assert.not_equal(receipt.command_id, nested.command_id)
    assert.same({ user = "ada" }, log[1].meta)
    assert.equal(log[2].correlation_id, log[1].correlation_id)
    assert.equal(receipt.command_id, log[2].command)
  end)

  it("is what caused the command that it dispatches", function()
    local runtime <close> = open([[
      assert(context:dispatch("Note", { text = context.command_id }))]], nil, [[
      spec:handle(spec:command "Note" { text = "string" }, function(command, context)
        context:publish(Done { value = { command.text, context.causation_id,
          context.correlation_id } }, { stream = "Log-1" })
      end)]])
    local receipt = assert(runtime:dispatch "Do")
    local id = receipt.command_id
    assert.same({ id, id, id }, events(runtime)[1].data.value)
    assert.same({}, receipt.events)
  end)

  it("dispatches by name, with fields or without", function()
    local runtime <close> = open([[
      assert(context:dispatch("Add", { id = "a", n = 2 }))
      assert(context:dispatch "Nothing")]], nil,
      [[spec:handle(spec:command "Nothing" {}, function() seen[1] = "nothing" end)]])
    assert(runtime:dispatch "Do")
    assert.same({ "nothing" }, runtime:query "Seen")
    assert.equal(2, runtime:query("Total", { id = "a" }))
  end)

  it("gets a rejection, and any other error, as a host does", function()
    local runtime <close> = open [[
      for _, n in ipairs { -1, 13 } do
        local receipt, err = context:dispatch(Add { id = "a", n = n })
        seen[#seen + 1] = { receipt == nil, err.status, err.code, err.message, err.details or false,
          err.outcome or false }
      end
      for _, wrong in ipairs { { "Add", { id = 1 } }, { "Adds", {} } } do
        local _, err = context:dispatch(wrong[1], wrong[2])
        seen[#seen + 1] = { err.code, err.message, err.path or false }
      end]]
    assert(runtime:dispatch "Do")
    local seen = runtime:query "Seen"
    assert.same({ true, "rejected", "negative", "only more", { n = -1 }, false }, seen[1])
    assert.same({ true, "handler", "handler" }, { table.unpack(seen[2], 1, 3) })
    assert.same({ "invalid", "id: expected string, got integer 1", "id" }, seen[3])
    assert.same({ "unknown", "there is no command 'Adds'; did you mean 'Add'?", false }, seen[4])
    assert.same({}, events(runtime))
  end)

  it("may go on with what it got", function()
    local runtime <close> = open [[
      local _, err = context:dispatch(Add { id = "a", n = -1 })
      return neap.reject(err.code, "not done: " .. err.message)]]
    local _, err = runtime:dispatch "Do"
    assert.same({ "rejected", "negative", "not done: only more" },
      { err.status, err.code, err.message })
    assert.is_nil(err.outcome)
  end)

  it("says that the outcome is unknown if it fails behind what took effect", function()
    local runtime <close> = open [[
      assert(context:dispatch(Add { id = "a", n = 1 }))
      context:publish(Done {}, { stream = "Log-1" })
      if command.value == 1 then error "late" end
      if command.value == 2 then return neap.reject "no" end
      context:publish(Done {}, { stream = "Log-2", expected = 7 })]]
    local _, err = runtime:dispatch("Do", { value = 1 })
    assert.same({ "handler", "unknown" }, { err.code, err.outcome })
    _, err = runtime:dispatch("Do", { value = 2 })
    assert.same({ "no", "unknown" }, { err.code, err.outcome })
    -- Nor is it decided again after a conflict, for then it would dispatch once more.
    _, err = runtime:dispatch("Do", { value = 3 })
    assert.same({ "conflict", "unknown" }, { err.code, err.outcome })
    assert.equal(3, #events(runtime))
  end)

  it("passes on that the outcome of what it dispatched is unknown", function()
    local runtime <close> = open([[
      local _, err = context:dispatch "Inner"
      return neap.reject("inner", err.outcome)]], nil, [[
      spec:handle(spec:command "Inner" {}, function(_, context)
        assert(context:dispatch(Add { id = "a", n = 1 }))
        error "late"
      end)]])
    local _, err = runtime:dispatch "Do"
    assert.same({ "inner", "unknown", "unknown" }, { err.code, err.message, err.outcome })
  end)

  it("dispatches with an idempotency key", function()
    local runtime <close> = open [[
      local receipt = assert(context:dispatch(Add { id = "a", n = 1 }, { idempotency_key = "k" }))
      seen[#seen + 1] = receipt.repeated]]
    assert(runtime:dispatch "Do")
    assert(runtime:dispatch("Do", {}, { idempotency_key = "outer" }))
    assert.same({ false, true }, runtime:query "Seen")
    assert.equal(1, #events(runtime))
  end)

  it("goes on behind what was done when it is asked for again", function()
    local runtime <close> = open([[
      for step = 1, 3 do
        local key = context.idempotency_key .. "-" .. step
        local receipt = assert(context:dispatch(Add { id = "a", n = step },
          { idempotency_key = key }))
        seen[#seen + 1] = receipt.repeated
        if step == 2 and #seen == 2 then error "by chance" end
      end]], "return context.idempotency_key == nil")
    local _, err = runtime:dispatch("Do", {}, { idempotency_key = "k" })
    assert.same({ "handler", "unknown" }, { err.code, err.outcome })
    assert(runtime:dispatch("Do", {}, { idempotency_key = "k" }))
    assert.same({ false, false, true, true, false }, runtime:query "Seen")
    assert.equal(6, runtime:query("Total", { id = "a" }))
    assert.is_true(runtime:query "Ask")
  end)

  it("dispatches to aggregates by tags, and reads them", function()
    local runtime <close> = open([[
      for i = 1, 3 do
        local receipt, why = context:dispatch("Enrol", { course = "c", student = "s" .. i })
        seen[i] = receipt and receipt.position or why.code
      end
      seen[4] = context:state("Enrolment", { course = "c", student = "s9" }).seats]], nil, [[
      local Enrolled = spec:event("Enrolled", { tags = { "course", "student" } }) {
        course = "string", student = "string" }
      spec:command "Enrol" { course = "string", student = "string" }
      spec:aggregate "Enrolment" { tags = { "course", "student" }, initial = { seats = 0 },
        commands = { Enrol = function(state, command)
          if state.seats == 2 then return neap.reject "full" end
          return Enrolled(command)
        end },
        events = { Enrolled = function(state, _, about)
          if about.course then state.seats = state.seats + 1 end
        end } }]])
    assert(runtime:dispatch "Do")
    assert.same({ 1, 2, "full", 2 }, runtime:query "Seen")
  end)

  it("does not wait for a key that waits for it", function()
    local runtime <close> = open [[
      local _, err = context:dispatch(Add { id = "a", n = 1 }, { idempotency_key = "k" })
      return neap.reject(err.code, err.message)]]
    local _, err = runtime:dispatch("Do", {}, { idempotency_key = "k" })
    assert.equal("unavailable", err.code)
    assert.equal('the idempotency key "k" is in use; try again', err.message)
  end)

  it("may dispatch to a stream to which it published, and sees what is accepted", function()
    local runtime <close> = open [[
      context:publish(Added { id = "a", n = 10 }, { stream = "Counter-a" })
      assert(context:dispatch(Add { id = "a", n = 1 }))
      seen[1] = context:state("Counter", "a").total]]
    assert(runtime:dispatch "Do")
    assert.same({ 1 }, runtime:query "Seen")
    local log = events(runtime)
    assert.same({ 1, 10 }, { log[1].data.n, log[2].data.n })
    assert.equal(11, runtime:query("Total", { id = "a" }))
  end)

  it("may dispatch many, one after another and in a coroutine's order", function()
    local runtime <close> = open [[
      for i = 1, 50 do
        assert(assert(context:dispatch(Add { id = "a", n = 100 + i })).version == i)
      end]]
    assert(runtime:dispatch "Do")
    assert.equal(6275, runtime:query("Total", { id = "a" }))
  end)

  it("ends where it dispatches itself without end", function()
    local runtime <close> = open([[
      seen[1] = (seen[1] or 0) + 1
      local _, err = context:dispatch(Do {})
      return neap.reject(err.code, err.message)]], nil, nil, { nesting_depth = 7 })
    local _, err = runtime:dispatch "Do"
    assert.equal("limit", err.code)
    assert.equal("nesting: 'Do' was dispatched by a handler that was dispatched by a handler …, "
      .. "7 deep", err.message)
    assert.same({ 8 }, runtime:query "Seen")
  end)

  it("asks queries, which may ask more", function()
    local runtime <close> = open([[
      assert(context:dispatch(Add { id = "a", n = 4 }))
      seen[1] = context:query(Total { id = "a" })
      seen[2] = context:query("Ask", { id = "a" })
      seen[3] = select("#", context:query(Ask {}))
      seen[4] = select(2, context:query "Asks").code
      seen[5] = select(2, context:query(Ask { value = "no" })).code]], [[
      if query.value then return neap.reject "no" end
      return query.id and { context:query("Total", { id = query.id }) + 1 } or nil]])
    assert(runtime:dispatch "Do")
    assert.same({ 4, { 5 }, 1, "unknown", "no" }, runtime:query "Seen")
  end)

  it("cannot ask itself without end", function()
    local runtime <close> = open(nil, "return assert(context:query(Ask(query)))", nil,
      { nesting_depth = 5 })
    local _, err = runtime:query "Ask"
    assert.equal("limit", err.code)
  end)

  it("sleeps, and its time is one", function()
    local runtime <close> = open([[
      local now = context:now()
      assert(context:sleep(0.001) == true)
      assert(context:now() == now)
      context:publish(Done {}, { stream = "Log-1" })]],
      "assert(context:sleep(0.001)) return 'rested'")
    assert(runtime:dispatch "Do")
    assert.equal("rested", runtime:query "Ask")
    assert.equal(1, #events(runtime))
  end)

  it("goes through the domain's middleware, as every message", function()
    local runtime <close> = open("assert(context:dispatch(Add { id = 'a', n = 2 }))",
      "return context:query(Total { id = 'a' })", [[
      spec:use(function(message, context, next)
        seen[#seen + 1] = context.name .. (context.meta.user or "")
        if message.n then message.n = message.n * 10 end
        return next(message, context)
      end)]])
    assert(runtime:dispatch("Do", {}, { meta = { user = "ada" } }))
    assert.equal(20, runtime:query "Ask")
    assert.same({ "Doada", "Addada", "Ask", "Total", "Seen" }, runtime:query "Seen")
  end)

  it("is given up at its caller's time", function()
    local runtime <close> = open([[
      context:publish(Done {}, { stream = "Log-1" })
      local slept, err = context:sleep(600)
      seen[1] = err and err.code]])
    local timeout = 0.01
    repeat -- until there was time enough to begin it, on a busy machine too
      timeout = timeout * 2
      local _, err = runtime:dispatch("Do", {}, { timeout = timeout })
      assert.equal("timeout", err.code)
    until #runtime:query "Seen" > 0 or timeout > 10
    assert.same({ "timeout" }, runtime:query "Seen")
    assert.same({}, events(runtime))
  end)

  it("bounds the time of what it asks for", function()
    local runtime <close> = open([[
      local answer, err = context:query(Ask {}, { timeout = 0.01 })
      seen[1] = { answer == nil, err.code }
      local receipt, why = context:dispatch("Slow", {}, { timeout = 0.01 })
      seen[2] = { receipt == nil, why.code, why.outcome }]], "context:sleep(600)",
      "spec:handle(spec:command 'Slow' {}, function(_, context) context:sleep(600) end)",
      { close_ms = 1 })
    assert(runtime:dispatch "Do")
    assert.same({ true, "timeout" }, runtime:query("Seen")[1])
    assert.same({ true, "timeout" }, { table.unpack(runtime:query("Seen")[2], 1, 2) })
  end)

  it("is answered 'closed' if it sleeps when the runtime closes", function()
    local runtime = open("context:sleep(600)", nil, nil, { close_ms = 1 })
    local pending = assert(runtime:send "Do")
    assert(runtime:query "Seen") -- behind it, on the same lane
    runtime:close()
    local _, err = pending:wait(20)
    assert.equal("closed", err.code)
    assert.equal("the runtime closed while this waited", err.message)
  end)

  it("may let go of its context while it waits", function()
    local runtime <close> = open("churn()", [[
      local _ <close> = setmetatable({}, { __close = churn })
      local answer = context:query "Seen"
      context = nil
      churn()
      return answer]])
    assert(runtime:dispatch "Do")
    assert.same({}, runtime:query "Ask")
  end)

  it("has variables of its own after a wait, and errors with places", function()
    local runtime <close> = open [[
      local mine = { command.value }
      assert(context:sleep(0))
      assert(mine[1] == command.value)
      error("value " .. mine[1])]]
    local _, err = runtime:dispatch("Do", { value = 3 })
    assert.equal("domain.lua:33: value 3", message_of(err))
    assert.truthy(err.traceback:find("domain.lua:33", 1, true))
  end)

  it("waits in pcall", function()
    local runtime <close> = open [[
      local ok, receipt = pcall(context.dispatch, context, Add { id = "a", n = 1 })
      assert(ok and receipt.version == 1)
      ok, receipt = pcall(function() context:sleep(0) error "mine" end)
      assert(not ok)]]
    assert(runtime:dispatch "Do")
  end)

  local mistakes = {
    ["context:dispatch()"] = "context:dispatch needs a command, made by its constructor or given "
      .. "by its name and a table, but got no value",
    ["context:dispatch(Done {})"] = "but got a message of another kind",
    ["context:dispatch({ id = 'a', n = 1 })"] = "but got a table",
    ["context:dispatch('Add', 3)"] = "context:dispatch needs the fields as a table, but got a "
      .. "number",
    ["context:dispatch(Add { id = 'a', n = 1 }, { key = 'k' })"] =
      "context:dispatch knows no option 'key'",
    ["context:dispatch(Add { id = 'a', n = 1 }, { idempotency_kee = 'k' })"] =
      "did you mean 'idempotency_key'?",
    ["context:dispatch(Add { id = 'a', n = 1 }, { idempotency_key = '' })"] =
      "context:dispatch: the idempotency key",
    ["context:dispatch('Add', { id = 'a', n = 1 }, { timeout = -1 })"] =
      "context:dispatch: 'timeout' must be a number of seconds above 0",
    ["context:query(Ask {}, { idempotency_key = 'k' })"] =
      "context:query knows no option 'idempotency_key'",
    ["context:query(Do {})"] = "context:query needs a query",
    ["context:sleep(-1)"] = "context:sleep needs a number of seconds from 0 to 86400",
    ["context.sleep(1)"] = "call it as context:sleep(…), with a colon",
    ["('x'):gsub('x', function() context:dispatch(Add { id = 'a', n = 1 }) end)"] =
      "nothing can wait inside ",
    ["table.sort({ 1, 2 }, function() context:sleep(0) end)"] = "sort",
    ["tostring(setmetatable({}, { __tostring = function() context:query(Ask {}) end }))"] =
      "nothing can wait inside tostring",
    ["check = function() context:dispatch(Do {}) end context:dispatch('Checked', { field = 1 })"] =
      "nothing can wait inside dispatch",
    ["check = function() coroutine.wrap(function() context:dispatch(Do {}) end)() end "
      .. "context:dispatch('Checked', { field = 1 })"] = "nothing can wait inside ",
    ["coroutine.yield()"] = "coroutine.yield: a handler is no coroutine; nothing would resume it",
    ["local x <close> = setmetatable({}, { __close = function() context:sleep(0) end })"
      .. " error 'wrong'"] = "wrong",
  }
  for body, message in pairs(mistakes) do
    it("says what is wrong with " .. body .. ", and others go on", function()
      local runtime <close> = open("if command.value then " .. body .. " end")
      local receipt, err = runtime:dispatch("Do", { value = 1 })
      assert.is_nil(receipt)
      assert.truthy(message_of(err):find(message, 1, true), message_of(err))
      assert(runtime:dispatch("Add", { id = "a", n = 1 }))
      assert.equal(1, #events(runtime))
    end)
  end

  it("is what decisions and folds are not", function()
    for body, message in pairs {
      ["context:dispatch(Add { id = 'b', n = 1 })"] = "context:dispatch waits, and an aggregate's "
        .. "command, which is pure, cannot: dispatch from a plain handler, which can dispatch this "
        .. "command too",
      ["context:query(Ask {})"] = "context:query waits, and an aggregate's command, which is pure, "
        .. "cannot: what it decides on must be in the command",
      ["context:sleep(1)"] = "context:sleep waits, and an aggregate's command, which is pure, "
        .. "cannot: wait in a plain handler, which dispatches it later",
    } do
      local runtime <close> = assert(domains.open(source():gsub("if command.n < 0",
        (body:gsub("%%", "%%%%")) .. " %0"), { lanes = lanes }))
      local _, err = runtime:dispatch("Add", { id = "a", n = 1 })
      assert.equal("handler", err.code)
      assert.truthy(message_of(err):find(message, 1, true), message_of(err))
    end
  end)

  it("changes nothing in a query", function()
    local runtime <close> = open(nil, "context:dispatch(Add { id = 'a', n = 1 })")
    local _, err = runtime:query "Ask"
    assert.truthy(err.message:find("context:dispatch is for commands; a query changes nothing", 1,
      true))
  end)

  it("cannot use the context of a handler that waits", function()
    local runtime <close> = open([[
      if command.value == 1 then
        check = function() return context:now() end
        assert(context:query(Ask {}))
      end]], "local ok, why = pcall(check) seen[1] = why return { ok }")
    assert(runtime:dispatch("Do", { value = 1 }))
    assert.truthy(runtime:query("Seen")[1]:find(
      "context.now: the handler that this context belongs to does not run now", 1, true))
  end)
end

describe("a handler", function()
  before_each(function() lanes = 1 end)
  behaves()

  it("holds up nobody while it sleeps", function()
    local runtime <close> = open([[
      while command.value == 1 and #seen == 0 do context:sleep(0.001) end
      if command.value == 2 then seen[1] = "go" end]])
    local slow = assert(runtime:send("Do", { value = 1 }))
    assert(runtime:dispatch("Do", { value = 2 }))
    assert(slow:wait(20))
  end)

  it("waits in coroutines of its own", function()
    local runtime <close> = open [[
      local each = coroutine.wrap(function()
        coroutine.yield "mine"
        local inner = coroutine.create(function()
          return context:dispatch(Add { id = "a", n = 1 })
        end)
        local ok, receipt = coroutine.resume(inner)
        coroutine.yield(ok and receipt.version)
        coroutine.yield(context:state("Counter", "a").total)
        return context:query(Total { id = "a" })
      end)
      seen = { each(), each(), each(), each() }]]
    assert(runtime:dispatch "Do")
    assert.same({ "mine", 1, 1, 1 }, runtime:query "Seen")
  end)

  it("is bounded by the limits", function()
    local runtime <close> = open([[
      while command.value == 1 do end
      while command.value == 2 do context:sleep(0) end
      while command.value == 3 do for i = 1, 20000 do end context:query(Total { id = "a" }) end
      while command.value == 4 do pcall(context.sleep, context, 0) end
      ]], nil, nil, { handler_instructions = 1000000 })
    for value, limit in ipairs { "instructions", "waits", "instructions", "waits" } do
      local _, err = runtime:dispatch("Do", { value = value })
      assert.equal("limit", err.code, value)
      assert.truthy(err.message:find(limit, 1, true), err.message)
    end
    assert(runtime:dispatch "Do")
  end)

  it("keeps the order of a stream's commands", function()
    local runtime <close> = open "assert(context:dispatch(Add { id = 'a', n = command.value }))"
    local pending = {}
    for n = 101, 150 do
      pending[#pending + 1] = assert(runtime:send("Do", { value = n }))
      pending[#pending + 1] = assert(runtime:send("Add", { id = "b", n = n }))
    end
    for _, sent in ipairs(pending) do assert(sent:wait(20)) end
    local last = { ["Counter-a"] = 100, ["Counter-b"] = 100 }
    for event in runtime:events {} do
      assert.equal(last[event.stream] + 1, event.data.n)
      last[event.stream] = event.data.n
    end
  end)

  it("cannot wait for a state inside gsub, wherever the state is", function()
    local runtime <close> = open "('x'):gsub('x', function() context:state('Counter', 'a') end)"
    local _, err = runtime:dispatch "Do"
    assert.truthy(err.message:find("nothing can wait inside string.gsub", 1, true))
  end)
end)

describe("a handler in a host's own Lua", function()
  before_each(function() lanes = 0 end)
  behaves()

  it("cannot wait in a coroutine of its own", function()
    local runtime <close> = open "coroutine.wrap(function() context:sleep(0) end)()"
    local _, err = runtime:dispatch "Do"
    assert.truthy(err.message:find("in a host's own Lua (lanes = 0) nothing can wait inside a "
      .. "coroutine", 1, true), err.message)
  end)

  it("is seen by what wraps the host's coroutine.create", function()
    local create, lines = coroutine.create, 0
    coroutine.create = function(body) -- luacheck: ignore 122
      local made = create(body)
      debug.sethook(made, function() lines = lines + 1 end, "l")
      return made
    end
    local domain = neap.domain "hooked"
    domain:answer(domain:query "Ask" {}, function()
      return 1
    end)
    local runtime <close> = assert(neap.open(domain, { lanes = 0 }))
    assert.equal(1, runtime:query "Ask")
    coroutine.create = create -- luacheck: ignore 122
    assert.is_true(lines > 0)
  end)
end)
