-- Runtimes without lanes: the domain in the caller's own Lua.

local neap = require "neap"
local domains = require "spec.lua.domains"

local function raised(body, ...)
  local ok, why = pcall(body, ...)
  assert.is_false(ok)
  return (tostring(why):gsub("^.*spec%.lua:%d+: ", "HERE: "))
end

---A counter, as an object of this state. `body` decides Add.
local function counting(body)
  local domain = neap.domain "counting"
  local Added = domain:event "Added" { id = "string", n = "integer" }
  local Add = domain:command "Add" { id = "string", n = "integer" }
  local Note = domain:command "Note" { id = "string", text = "string?" }
  local Total = domain:query "Total" { id = "string" }
  local noted = {}
  domain:aggregate "Counter" {
    key = "id",
    initial = { total = 0 },
    commands = {
      Add = body or function(counter, command)
        if counter.total + command.n > 20 then
          return neap.reject("full", "the counter is full", { total = counter.total })
        end
        return Added { id = command.id, n = command.n }
      end,
    },
    events = { Added = function(counter, event) counter.total = counter.total + event.n end },
    snapshot = { every = 3 },
  }
  domain:handle(Note, function(command, context)
    noted[#noted + 1] = { command.text, context:now(), context:id(), context }
    if noted.then_do then return noted.then_do(command, context) end
  end)
  domain:answer(Total, function(query, context)
    local counter = context:state("Counter", query.id)
    return counter and counter.total or 0
  end)
  return domain, noted, { Added = Added, Add = Add }
end

local function open(domain, options)
  options = options or {}
  options.lanes = 0
  return assert(neap.open(domain, options))
end

describe("a runtime without lanes", function()
  it("waits for nothing that only time brings, if it has a clock", function()
    local domain, noted = counting()
    local now = 1735689600000000
    local runtime <close> = open(domain, { clock = function() return now end })
    noted.then_do = function(_, context) noted.slept = context:sleep(86400) end
    assert(runtime:dispatch("Note", { id = "a" }))
    assert.is_true(noted.slept)
    local _, err = runtime:dispatch("Note", { id = "a" }, { timeout = 3600 })
    assert.equal("timeout", err.code)
  end)

  it("runs a domain object in this state", function()
    local domain, noted = counting()
    local runtime <close> = open(domain)
    assert.same({ "Added" }, assert(runtime:dispatch("Add", { id = "a", n = 7 })).events)
    assert.equal(7, runtime:query("Total", { id = "a" }))
    assert.same({ total = 7 }, runtime:state("Counter", "a"))
    local _, err = runtime:dispatch("Add", { id = "a", n = 14 })
    assert.same({ "rejected", "full", { total = 7 } }, { err.status, err.code, err.details })
    assert(runtime:dispatch("Note", { id = "a", text = "seen" }))
    assert.equal("seen", noted[1][1]) -- a value of this state
  end)

  it("opens one object several times, one after another and at once", function()
    local domain = counting()
    local first <close> = open(domain)
    local second <close> = open(domain)
    assert(first:dispatch("Add", { id = "a", n = 7 }))
    assert(second:dispatch("Add", { id = "a", n = 5 }))
    assert.equal(7, first:query("Total", { id = "a" }))
    assert.equal(5, second:query("Total", { id = "a" }))
  end)

  it("runs a file with what it requires, read anew each time", function()
    local files = {
      ["domain.lua"] = [[
local neap = require "neap"
local domain = neap.domain "spec"
local names = require "part.names"
local Asked = domain:query "Ask" {}
domain:answer(Asked, function() return { name = names.name, count = names.count() } end)
return domain
]],
      ["part/names.lua"] = [[
local count = 0
return { name = ..., count = function() count = count + 1 return count end }
]],
    }
    for _ = 1, 2 do
      local runtime <close> = assert(domains.open(files, { lanes = 0 }))
      assert.same({ name = "part.names", count = 1 }, runtime:query "Ask")
    end
    assert.is_nil(package.loaded["part.names"])
  end)

  it("leaves the caller's globals and string methods alone", function()
    local strings, globals = getmetatable("").__index, {}
    for name in pairs(_G) do globals[name] = true end
    local runtime, err = domains.open("counter = 1", { lanes = 0 })
    assert.is_nil(runtime)
    assert.equal("domain.lua:1: global 'counter' cannot be made: say 'local' in front of it",
      err.message)
    local opened <close> = open((counting()))
    assert(opened:dispatch("Add", { id = "a", n = 1 }))
    assert.equal(strings, getmetatable("").__index)
    for name in pairs(_G) do assert.is_true(globals[name], name) end
  end)

  it("says what is wrong with a file as a lane does", function()
    for _, text in ipairs {
      "return 3", "local x = ", "error('no')", "require 'nowhere'", "return",
      "local neap = require 'neap' local d = neap.domain 'd' d:command 'C' {} return d",
      "local neap = require 'neap' local d = neap.domain 'd' d:event 'E' return d",
      "local neap = require 'neap' neap.domain 'd':query 'Q' { a = 'strin' }",
    } do
      local _, with_lane = domains.open(text)
      local _, without = domains.open(text, { lanes = 0 })
      assert.same({ with_lane.code, with_lane.message, with_lane.traceback },
        { without.code, without.message, without.traceback })
    end
  end)

  it("turns errors in handlers into statuses, with the domain's lines only", function()
    local line
    local domain, noted = counting()
    noted.then_do = function()
      line = debug.getinfo(1, "l").currentline + 1
      error { any = "value" }
    end
    local runtime <close> = open(domain)
    local _, err = runtime:dispatch("Note", { id = "a" })
    assert.equal("handler", err.code)
    assert.equal("an error that is a table was raised", err.message)
    assert.truthy(err.traceback:find("inline_spec.lua:" .. line, 1, true), err.traceback)
    assert.is_nil(err.traceback:find "busted")
    noted.then_do = function() coroutine.yield() end
    _, err = runtime:dispatch("Note", { id = "a" })
    assert.equal("handler", err.code)
    noted.then_do = function() return 3 end
    _, err = runtime:dispatch("Note", { id = "a" })
    assert.truthy(err.message:find("returned a number", 1, true))
  end)

  it("finds each decision that changes its state", function()
    local Added
    local domain, _, made = counting(function(counter, command)
      if command.n == 9 then counter.total = 99 end
      return Added { id = command.id, n = command.n }
    end)
    Added = made.Added
    local runtime <close> = open(domain)
    for _ = 1, 30 do assert(runtime:dispatch("Add", { id = "a", n = 1 })) end
    local _, err = runtime:dispatch("Add", { id = "a", n = 9 })
    assert.same({ "handler", "total" }, { err.code, err.path })
    assert.equal(30, runtime:query("Total", { id = "a" }))
  end)

  it("answers 'usage' to a handler that calls it", function()
    local domain, noted = counting()
    local runtime <close> = open(domain)
    local calls = {
      dispatch = function() return runtime:dispatch("Add", { id = "a", n = 1 }) end,
      send = function() return runtime:send("Add", { id = "a", n = 1 }) end,
      publish = function() return runtime:publish("Added", {}, { stream = "Counter-a" }) end,
      query = function() return runtime:query("Total", { id = "a" }) end,
      state = function() return runtime:state("Counter", "a") end,
      drain = function() return runtime:drain() end,
      events = function() return runtime:events() end,
      close = function() return runtime:close() end,
    }
    for name, call in pairs(calls) do
      noted.then_do = coroutine.wrap(function() call() end)
      local _, err = runtime:dispatch("Note", { id = "a" })
      assert.equal("usage", err.code, name)
      assert.truthy(err.message:find(": runtime:" .. name .. ": a handler or callback cannot", 1,
        true), err.message)
    end
    noted.then_do = nil
    assert(runtime:dispatch("Note", { id = "a" }))
  end)

  it("works from coroutines, and with coroutines in handlers", function()
    local domain, noted = counting()
    local runtime <close> = open(domain)
    noted.then_do = function(_, context)
      local state = coroutine.wrap(function()
        coroutine.yield(context:state("Counter", "a").total)
      end)
      noted.total = state()
    end
    local results = {}
    for i = 1, 3 do
      results[i] = coroutine.wrap(function()
        coroutine.yield()
        assert(runtime:dispatch("Add", { id = "a", n = i }))
        coroutine.yield()
        assert(runtime:dispatch("Note", { id = "a" }))
        return noted.total
      end)
    end
    for _ = 1, 2 do for i = 1, 3 do results[i]() end end
    for i = 1, 3 do assert.equal(6, results[i]()) end
  end)

  it("does what was sent when somebody waits", function()
    local domain, noted = counting()
    local runtime <close> = open(domain)
    local first = assert(runtime:send("Add", { id = "a", n = 15 }))
    local second = assert(runtime:send("Add", { id = "a", n = 15 }))
    assert(runtime:send("Note", { id = "a", text = "sent" }))
    assert.equal(0, #noted)
    assert.equal(1, assert(first:wait()).version)
    local _, err = second:wait(20)
    assert.equal("full", err.code)
    local third = assert(runtime:send("Add", { id = "b", n = 1 }))
    while not third:done() do end -- each time a millisecond's work is done
    assert.equal(1, assert(third:wait()).version)
    local last = assert(runtime:send("Add", { id = "b", n = 1 }))
    runtime:close()
    assert.equal(2, assert(last:wait()).version)
    assert.equal(1, #noted)
  end)

  it("gives handlers the time of its clock, asked once a call", function()
    local domain, noted = counting()
    local now, asked = 1700000000000000, 0
    local runtime <close> = open(domain, { clock = function() asked = asked + 1 return now end })
    assert(runtime:dispatch("Note", { id = "a" }))
    now = now + 5
    assert(runtime:dispatch("Add", { id = "a", n = 1 }))
    assert.equal(2, asked)
    assert.equal(1700000000000000, noted[1][2])
    for event in runtime:events() do assert.equal(now, event.recorded_at) end
  end)

  it("says what is wrong with a clock", function()
    local domain = counting()
    assert.equal("HERE: neap.open: 'clock' must be a function that gives µs, but is a number",
      raised(neap.open, domain, { lanes = 0, clock = 3 }))
    local clock = function() return 1.5 end
    local runtime <close> = open(domain, { clock = function() return clock() end })
    assert.equal("HERE: the runtime's clock must give an integer, µs since 1970, but gave 1.5",
      raised(function() runtime:dispatch("Note", { id = "a" }) end))
    clock = function() error("no clock", 0) end
    assert.equal("no clock", raised(function() runtime:dispatch("Note", { id = "a" }) end))
    clock = function() return 0 end
  end)

  it("makes the same ids from the same seed", function()
    local function ids(seed)
      local domain, noted = counting()
      local runtime <close> = open(domain, { seed = seed, clock = function() return 1000000 end })
      local receipt = assert(runtime:dispatch("Add", { id = "a", n = 1 }))
      assert(runtime:dispatch("Note", { id = "a" }))
      return receipt.command_id .. noted[1][3]
    end
    assert.equal(ids(7), ids(7))
    assert.not_equal(ids(7), ids(8))
  end)

  it("needs no lanes for an object or a clock", function()
    local domain = counting()
    local runtime, err = neap.open(domain)
    assert.is_nil(runtime)
    assert.equal("usage", err.code)
    runtime, err = neap.open("x.lua", { clock = os.time })
    assert.is_nil(runtime)
    assert.equal("usage: option clock is for { lanes = 0 }: lanes do not call into this Lua",
      tostring(err))
  end)

  it("leaves nothing in the state when it is closed", function()
    local function keys()
      local count = 0
      for _, value in pairs(debug.getregistry()) do
        if value ~= nil then count = count + 1 end
      end
      return count
    end
    local domain, noted = counting()
    local function use()
      local runtime <close> = open(domain)
      assert(runtime:dispatch("Note", { id = "a" }))
      assert(runtime:dispatch("Add", { id = "a", n = 1 }))
      assert(runtime:state("Counter", "a"))
    end
    use()
    local before = keys()
    for _ = 1, 5 do use() end
    assert.is_true(keys() <= before + 1) -- the list of free places in it
    local context = noted[1][4]
    assert.truthy(raised(function() context:now() end):find("has ended", 1, true))
    local weak = setmetatable({ domain }, { __mode = "k" })
    weak[domain], weak[1], domain, noted, context = true, nil, nil, nil, nil
    collectgarbage() collectgarbage()
    assert.is_nil(next(weak), tostring(domain) .. tostring(noted) .. tostring(context))
  end)

  it("does not disturb the caller's debug hook", function()
    local lines, runtime = 0, open((counting()))
    local hook, mask, count = debug.gethook()
    debug.sethook(function() lines = lines + 1 end, "l")
    assert(runtime:dispatch("Add", { id = "a", n = 1 }))
    local now = debug.gethook()
    debug.sethook(hook, mask, count)
    assert.is_function(now)
    assert.is_true(lines > 3)
    runtime:close()
  end)

  it("is closed when nobody holds it, also from within another one", function()
    local domain, noted = counting()
    local runtime <close> = open(domain)
    noted.then_do = function()
      local other = open((counting()))
      assert(other:send("Add", { id = "a", n = 1 }))
      other = nil
      collectgarbage()
      return other
    end
    assert(runtime:dispatch("Note", { id = "a" }))
  end)

  it("answers 'usage' to a handler that waits for another one", function()
    local domain, noted = counting()
    local runtime <close> = open(domain)
    local other <close> = open((counting()))
    noted.then_do = function() return select(2, other:dispatch("Add", { id = "a", n = 1 })).code end
    local _, err = runtime:dispatch("Note", { id = "a" })
    assert.truthy(err.message:find("returned a string", 1, true))
    noted.then_do = function()
      local _, why = other:dispatch("Add", { id = "a", n = 1 })
      assert.equal("usage: neap_dispatch: a handler or callback cannot wait for a runtime, its own "
        .. "or another", tostring(why))
    end
    assert(runtime:dispatch("Note", { id = "a" }))
  end)

  it("stops a handler that calls itself without end", function()
    local domain, noted = counting()
    local runtime <close> = open(domain)
    local function again(...) return 1 + again(...) end
    noted.then_do = again
    local _, err = runtime:dispatch("Note", { id = "a" })
    assert.equal("limit", err.code, err.message)
    assert.truthy(err.message:find("stack overflow", 1, true))
  end)

  it("can check a store if it has the domain's file", function()
    local runtime <close> = open((counting()))
    local _, err = runtime:check_store()
    assert.equal("usage", err.code)
    local filed <close> = assert(domains.open([[
local neap = require "neap"
local domain = neap.domain "spec"
domain:event "Added" { id = "string" }
return domain
]], { lanes = 0 }))
    assert.equal(0, assert(filed:check_store()).events)
  end)

  it("keeps and finds snapshots in a file", function()
    local path = os.tmpname()
    os.remove(path)
    local domain = counting()
    do
      local runtime <close> = open(domain, { store = "sqlite:" .. path })
      for _ = 1, 7 do assert(runtime:dispatch("Add", { id = "a", n = 1 })) end
    end
    do
      local runtime <close> = open(domain, { store = "sqlite:" .. path })
      assert.is_true(runtime:stats().snapshots > 0)
      assert.equal(7, runtime:query("Total", { id = "a" }))
    end
    os.execute(("rm -f '%s' '%s'-*"):format(path, path))
  end)
end)

describe("services without lanes", function()
  local files = {
    ["domain.lua"] = [[
local neap = require "neap"
local domain = neap.domain "spec"
local Ask = domain:query "Ask" {}
domain:service("mail", function(config)
  return { send = function() return "domain's " .. (config.from or "none") end }
end)
domain:answer(Ask, function(_, context) return context.services.mail.send() end)
return domain
]],
    ["other.lua"] = [[return { send = function() return "module's" end }]],
  }

  local function asked(options)
    options.lanes = 0
    local runtime <close>, err = domains.open(files, options)
    if not runtime then return nil, err end
    return runtime:query "Ask"
  end

  it("are the domain's own, or what the host gives", function()
    assert.equal("domain's ada", asked { config = { mail = { from = "ada" } } })
    assert.equal("module's", asked { services = { mail = "other" } })
    local sent = 0
    local mine = { send = function() sent = sent + 1 return "mine" end }
    assert.equal("mine", asked { services = { mail = mine } })
    assert.equal("mine", asked { services = { mail = function() return mine end } })
    assert.equal(2, sent)
  end)

  it("are refused if they are none", function()
    local _, err = asked { services = { mail = 3 } }
    assert.equal("usage: option services: 'mail' must be a table, a function that makes it, or the "
      .. "name of a module, but is a number", tostring(err))
    _, err = asked { services = { mial = {} } }
    assert.equal("usage: option services: the domain has no service 'mial'; did you mean 'mail'?",
      tostring(err))
    _, err = asked { services = { mail = function() end } }
    assert.equal("option services: service 'mail' must be a table of functions, but is nothing",
      err.message)
    local ok, why = pcall(asked, { services = "other" })
    assert.is_false(ok)
    assert.truthy(why:find("neap.open: 'services' must be a table by services' names, but is a "
      .. "string", 1, true), why)
    _, err = asked { services = { mail = "nowhere" } }
    assert.equal("handler", err.code)
    assert.truthy(err.message:find("there is no module 'nowhere'", 1, true))
  end)

  it("of a domain object are found as the host finds modules", function()
    local domain = neap.domain "spec"
    local Ask = domain:query "Ask" {}
    domain:service("mail", function() return {} end)
    domain:answer(Ask, function(_, context) return context.services.mail.name end)
    package.loaded["spec.lua.mailing"] = { name = "loaded" }
    local runtime <close> = open(domain, { services = { mail = "spec.lua.mailing" } })
    package.loaded["spec.lua.mailing"] = nil
    assert.equal("loaded", runtime:query "Ask")
  end)
end)

describe("runtime:publish", function()
  for _, lanes in ipairs { 0, 1 } do
    it("records a fact from outside, with " .. lanes .. " lanes", function()
      local runtime <close> = assert(domains.open([[
local neap = require "neap"
local domain = neap.domain "counting"
domain:event("Added", { tags = { "id" } }) { id = "string", n = "integer" }
domain:aggregate "Counter" {
  key = "id", initial = { total = 0 }, commands = {},
  events = { Added = function(counter, event) counter.total = counter.total + event.n end },
}
return domain
]], { lanes = lanes }))
      assert.same({ stream = "Counter-a", version = 1, position = 1, events = { "Added" },
        repeated = false },
        runtime:publish("Added", { n = 3, id = "a" }, { stream = "Counter-a", expected = 0,
          meta = { user = "ada" }, idempotency_key = "k" }))
      local _, err = runtime:publish("Added", '{"id":"a","n":1}',
        { stream = "Counter-a", expected = 0 })
      assert.equal("conflict: Counter-a is at version 1, expected 0", tostring(err))
      _, err = runtime:publish("Added", { id = "a" }, { stream = "Counter-a" })
      assert.same({ "invalid", "n" }, { err.code, err.path })
      _, err = runtime:publish("Aded", {}, { stream = "Counter-a" })
      assert.equal("unknown", err.code)
      _, err = runtime:publish("Added", { id = "a", n = 1 }, { stream = "" })
      assert.equal("invalid", err.code)
      assert.is_true(runtime:publish("Added", { id = "a", n = 3 },
        { stream = "Counter-a", idempotency_key = "k" }).repeated)
      assert.same({ total = 3 }, runtime:state("Counter", "a"))
      for event in runtime:events() do
        assert.same({ { user = "ada" }, { "id:a" } }, { event.meta, event.tags })
        assert.is_nil(event.command)
      end
      assert.equal('HERE: runtime:publish needs { stream = "…" } behind the event',
        raised(function() runtime:publish("Added", {}) end))
      assert.equal("HERE: runtime:publish knows no option 'steam'; did you mean 'stream'?",
        raised(function() runtime:publish("Added", {}, { steam = "x" }) end))
    end)

    it("records a fact of an earlier version, with " .. lanes .. " lanes", function()
      local runtime <close> = assert(domains.open([[
local neap = require "neap"
local domain = neap.domain "counting"
domain:event("Added", { formerly = "Plus", tags = { "id" } }) { id = "string", n = "integer" }
  :upcast(function(data) return { id = data.id, n = data.count } end)
domain:aggregate "Counter" {
  key = "id", initial = { total = 0 },
  commands = {},
  events = { Added = function(counter, event) counter.total = counter.total + event.n end },
}
return domain
]], { lanes = lanes }))
      local function plus(options)
        options.stream = "Counter-a"
        local receipt, err = runtime:publish("Plus", ' {"id":"a", "count":3,"b":[1.50] }', options)
        return receipt or tostring(err)
      end
      assert.same({ stream = "Counter-a", version = 1, position = 1, events = { "Plus" },
        repeated = false }, plus { schema = 1, tags = { "id:b", "other:1" },
          idempotency_key = "k", expected = 0 })
      local tags = { "id:b", "other:1" }
      assert.is_true(plus({ schema = 1, tags = tags, idempotency_key = "k" }).repeated)
      for _, other in ipairs { { schema = 1 }, { schema = 2, tags = tags } } do
        other.idempotency_key = "k"
        assert.matches("^duplicate", plus(other))
      end
      assert.equal("conflict: Counter-a is at version 1, expected 0",
        plus { schema = 1, expected = 0 })
      for event in runtime:events() do
        assert.same({ "Plus", 1, { "id:b", "other:1" }, { id = "a", count = 3, b = { 1.5 } } },
          { event.type, event.schema, event.tags, event.data })
      end
      assert.same({ total = 3 }, runtime:state("Counter", "a"))
      assert.matches("^unknown: .*'Plus'", plus {})
      assert.equal("usage: option tags needs schema; without it 'Plus' has the tags that its "
        .. "fields give", plus { tags = { "id:a" } })
      assert.equal("usage: the tags of Plus are not in bytewise order, each once",
        plus { schema = 1, tags = { "id:b", "id:a" } })
      assert.equal('invalid: the tag "id" is not of the form name:value',
        plus { schema = 1, tags = { "id" } })
      assert.equal("invalid: event 'Plus', schema version 3: the domain reads the schema versions "
        .. "1 to 2", plus { schema = 3 })
      assert.equal("HERE: runtime:publish: 'tags' must be a list of texts, but has a number",
        raised(function() runtime:publish("Plus", {}, { stream = "a-1", tags = { 1 } }) end))
    end)
  end
end)
