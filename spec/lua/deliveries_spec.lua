-- Middleware around deliveries to subscribers and sagas, and what guards subscribers and services.

local domains = require "spec.lua.domains"
local neap = require "neap"

-- %s: what is defined besides.
local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Changed = shop:event "Changed" { id = "string", by = "integer" }
local Change = shop:command "Change" { id = "string", by = "integer" }
local Note = shop:command "Note" { id = "string" }
shop:handle(Change, function(command, context)
  context:publish(Changed(command), { stream = "Account-" .. command.id })
end)
shop:handle(Note, function(command, context) context.services.book.note(command.id) end)
%s
return shop
]]

-- A domain whose services are tables of this spec's; `book.said` has what was noted.
local function open(rest, options)
  local book = { said = {} }
  book.service = {
    note = function(text) book.said[#book.said + 1] = tostring(text) end,
    act = function(...)
      if book.act then return book.act(...) end
    end,
  }
  options = options or {}
  options.lanes = options.lanes or 0
  options.log = options.log or function() end
  options.services = options.lanes == 0 and { book = book.service } or nil
  if options.lanes == 0 then
    options.clock = options.clock or function() return 1700000000000000 end
  end
  local text = template:format([[shop:service("book", function() return {} end)]] .. "\n" .. rest)
  local runtime = assert(domains.open(text, options))
  return runtime, book
end

local function change(runtime, by, id)
  assert(runtime:dispatch("Change", { id = id or "x", by = by or 1 }))
end

local function drained(runtime)
  assert(runtime:drain())
end

describe("middleware around a delivery", function()
  local noting = [[
    shop:use(function(message, context, next)
      if context.kind ~= "event" then return next(message, context) end
      local note = context.services.book.note
      note(("<%s %s %s %d %d"):format(context.subscription, context.name, context.event.stream,
        message.by, context.failures))
      local result, err = next(message, context)
      note((">%s %s %d"):format(tostring(result), err and err.code or "-", context.failures))
      return result, err
    end)
  ]]
  local handles = [[
    shop:subscriber "mailer" {
      retry = { attempts = 3, first_delay = 0.01 },
      events = { Changed = function(event, context)
        return context.services.book.act(event, context)
      end },
    }
  ]]

  it("is called once, however often the handler is tried", function()
    local runtime <close>, book = open(noting .. handles)
    local tried = 0
    book.act = function(event, context)
      tried = tried + 1
      context:send("Note", { id = "sent" .. tried })
      if tried < 3 then error "not yet" end
      assert(event.by == 5)
    end
    change(runtime, 5)
    drained(runtime)
    assert.same({ "<mailer Changed Account-x 5 0", ">true - 2", "sent3" }, book.said)
    assert.same({}, runtime:dead_letters())
  end)

  it("hears of the failure when all attempts are over", function()
    local runtime <close>, book = open(noting .. handles)
    book.act = function() return nil, { code = "broken", message = "it is broken" } end
    change(runtime, 5)
    drained(runtime)
    assert.same({ "<mailer Changed Account-x 5 0", ">nil broken 3" }, book.said)
    local letter = assert(runtime:dead_letters())[1]
    assert.equal(3, letter.attempts)
    assert.equal("broken", letter.error.code)
  end)

  it("is around a dead letter that is tried again", function()
    local runtime <close>, book = open(noting .. handles)
    book.act = function() error "no" end
    change(runtime, 5)
    drained(runtime)
    book.said, book.act = {}, nil
    assert(runtime:retry_dead_letters "mailer")
    assert.same({ "<mailer Changed Account-x 5 0", ">true - 0" }, book.said)
    assert.same({}, runtime:dead_letters())
  end)

  it("may refuse, which is tried again with it", function()
    local runtime <close>, book = open([[
      local count = 0
      shop:use(function(message, context, next)
        if context.kind == "event" then
          count = count + 1
          context.services.book.note(count .. ":" .. context.failures)
          if count < 3 then return neap.reject("not_now", "later") end
        end
        return next(message, context)
      end)
    ]] .. handles)
    change(runtime)
    drained(runtime)
    assert.same({ "1:0", "2:1", "3:2" }, book.said)
    assert.same({}, runtime:dead_letters())
  end)

  for what, body in pairs {
    ["gives no error, but did not let it be handled"] = "return true",
    ["takes an error away"] = "next(message, context) return 'fine'",
    ["raises behind a handler that succeeded"] = "next(message, context) error 'late'",
  } do
    it("that " .. what .. " has failed", function()
      local runtime <close>, book = open([[
        shop:use(function(message, context, next)
          if context.kind ~= "event" then return next(message, context) end
      ]] .. body .. " end) " .. handles)
      local acts = 0
      book.act = function(_, context)
        acts = acts + 1
        context:send("Note", { id = "sent" })
        if body:find "fine" then error "no" end
      end
      change(runtime)
      drained(runtime)
      local letter = assert(runtime:dead_letters())[1]
      assert.equal(3, letter.attempts)
      assert.equal("handler", letter.error.code)
      assert.same({}, book.said) -- what a failed delivery sends is not sent
    end)
  end

  it("may wait, and bounds all attempts by its timeout", function()
    local runtime <close>, book = open([[
      shop:use(neap.middleware.timeout(0.5))
      shop:use(function(message, context, next)
        context:sleep(0.1)
        return next(message, context)
      end)
    ]] .. handles:gsub("0.01", "10"))
    local seen
    book.act = function(_, context)
      local _, err = context:sleep(60)
      seen = err.code
      error "no"
    end
    change(runtime)
    drained(runtime)
    assert.equal("timeout", seen)
    local letter = assert(runtime:dead_letters())[1]
    assert.equal("handler", letter.error.code)
  end)

  it("is not asked about an old event that is none any more, and once about several", function()
    local path = os.tmpname()
    os.remove(path)
    finally(function()
      for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do os.remove(path .. ending) end
    end)
    local store = "sqlite:" .. path .. "?synchronous=normal"
    do
      local runtime <close> = open("", { store = store })
      change(runtime, 1)
      change(runtime, 2)
    end
    local runtime <close>, book = open([[
      Changed:upcast(function(data)
        if data.by == 1 then return neap.drop end
        return Changed { id = data.id, by = 20 }, Changed { id = data.id, by = 21 }
      end)
    ]] .. noting .. handles, { store = store })
    local seen = {}
    book.act = function(event) seen[#seen + 1] = event.by end
    drained(runtime)
    assert.same({ 20, 21 }, seen)
    assert.same({ "<mailer Changed Account-x 20 0", ">true - 0" }, book.said)
  end)

  it("that is ready to use counts and logs deliveries, and leaves them alone otherwise", function()
    local lines = {}
    local runtime <close> = open([[
      local metrics = neap.middleware.metrics()
      shop:use(neap.middleware.logging())
      shop:use(metrics)
      shop:use(neap.middleware.authorisation { rules = { Change = true, Read = true } })
      shop:use(neap.middleware.rate_limit { rate = 0.001, burst = 4 })
      shop:use(neap.middleware.cache())
      shop:use(neap.middleware.retry { on = { "broken" } })
      shop:use(neap.middleware.circuit_breaker { failures = 1, on = { "broken" } })
      shop:answer(shop:query "Read" {}, function() return metrics:read().deliveries.mailer end)
      shop:subscriber "mailer" {
        retry = { attempts = 2, first_delay = 0.001 },
        events = { Changed = function(event)
          if event.by == 2 then return nil, { code = "broken", message = "it broke" } end
        end },
      }
    ]], { lanes = 1, log = function(_, text) lines[#lines + 1] = text:gsub("%(.-%)", "()") end })
    change(runtime, 1)
    change(runtime, 2)
    change(runtime, 3, "y")
    drained(runtime)
    assert.truthy(table.concat(lines, "\n"):find("event Changed for mailer (): ok", 1, true))
    assert.truthy(table.concat(lines, "\n"):find("event Changed for mailer (): broken: it broke", 1,
      true))
    assert.equal(1, #assert(runtime:dead_letters()))
    local read = assert(runtime:query "Read")
    assert.equal(3, read.count)
    assert.same({ broken = 1 }, read.failures)
  end)
end)

describe("middleware around a saga", function()
  local saga = [[
    shop:saga "count" {
      key = "id",
      initial = { sum = 0 },
      starts = { "Changed" },
      events = { Changed = function(saga, event, context)
        saga.sum = saga.sum + event.by
        if event.by == 13 then error "unlucky" end
        context:send(Note { id = event.id .. saga.sum })
      end },
    }
  ]]

  local function state(runtime, key)
    return assert(runtime:saga("count", key or "x"))
  end

  it("is called around its function", function()
    local lines = {}
    local runtime <close> = open([[
      shop:use(function(message, context, next)
        if context.kind ~= "event" then return next(message, context) end
        print(("<%s %s %d %s"):format(context.subscription, context.name, message.by,
          context.event.stream))
        local result, err = next(message, context)
        print((">%s %s"):format(tostring(result), err and err.code or "-"))
        return result, err
      end)
    ]] .. saga:gsub("context:send%b()", ""), {
      lanes = 1, log = function(_, text) lines[#lines + 1] = text end,
    })
    change(runtime, 1)
    change(runtime, 2)
    drained(runtime)
    assert.same({ "<count Changed 1 Account-x", ">true -", "<count Changed 2 Account-x",
      ">true -" }, lines)
    assert.equal(3, state(runtime).state.sum)
  end)

  it("stops the saga with what it refuses, as with what its function raises", function()
    local runtime <close>, book = open([[
      shop:use(function(message, context, next)
        if context.kind == "event" and message.by == 7 then
          next(message, context)
          return neap.reject("no_sevens", "no sevens here")
        end
        return next(message, context)
      end)
    ]] .. saga)
    change(runtime, 1)
    change(runtime, 7)
    change(runtime, 1, "y")
    change(runtime, 13, "y")
    drained(runtime)
    local it = state(runtime)
    assert.equal("stopped", it.status)
    assert.truthy(it.reason:find("no sevens here", 1, true), it.reason)
    assert.equal(1, it.state.sum)
    assert.equal("stopped", state(runtime, "y").status)
    assert.truthy(state(runtime, "y").reason:find("unlucky", 1, true))
    assert.same({ "x1", "y1" }, book.said)
  end)

  it("holds it back while something is unavailable", function()
    local runtime <close> = open([[
      local tries = 0
      shop:use(function(message, context, next)
        if context.kind == "event" then
          tries = tries + 1
          if tries < 3 then return nil, { code = "unavailable", message = "not now" } end
        end
        return next(message, context)
      end)
    ]] .. saga)
    change(runtime, 4)
    drained(runtime)
    assert.equal(4, state(runtime).state.sum)
  end)

  for what, case in pairs {
    ["waits"] = { "context:sleep(1)", "context:sleep: nothing waits around a saga" },
    ["uses services"] = { "local _ = context.services.book", "context.services is for" },
    ["calls next twice"] = { "next(message, context)", "next was called before" },
    ["does not call next"] = { "do return true end", "the middleware gave no error for" },
  } do
    it("stops it if it " .. what, function()
      local runtime <close> = open([[
        shop:use(function(message, context, next)
          if context.kind == "event" then ]] .. case[1] .. [[ end
          return next(message, context)
        end)
      ]] .. saga)
      change(runtime, 4)
      drained(runtime)
      assert.equal("stopped", state(runtime).status)
      assert.truthy(state(runtime).reason:find(case[2], 1, true), state(runtime).reason)
    end)
  end

  it("may have a timeout, which does nothing there", function()
    local runtime <close> = open("shop:use(neap.middleware.timeout(1))" .. saga)
    change(runtime, 4)
    drained(runtime)
    assert.equal(4, state(runtime).state.sum)
  end)
end)

describe("a guarded service", function()
  local calls = [[
    shop:answer(shop:query "Act" { n = "integer?" }, function(query, context)
      local result, err = context.services.book.act(query.n, context)
      return err and err.code .. ": " .. err.message or result
    end)
  ]]

  local function guarded(options)
    local made, book = {}, { calls = 0 }
    made.act = function(...)
      book.calls = book.calls + 1
      return book.act(...)
    end
    made.word = "neap"
    local text = template:format(([[
      shop:service("book", function() return {} end, %s)
      shop:answer(shop:query "Word" {}, function(_, context)
        return context.services.book.word
      end)
    ]]):format(options) .. calls)
    local runtime = assert(domains.open(text, {
      lanes = 0, services = { book = made }, clock = function() return 1700000000000000 end,
    }))
    return runtime, book, function(n) return (runtime:query("Act", { n = n })) end
  end

  it("is left alone while its circuit is open", function()
    local runtime <close>, book, act = guarded "{ breaker = { failures = 2, open_for = 60 } }"
    book.act = function() error "down" end
    for _ = 1, 2 do act() end
    book.act = function() return "up" end
    assert.equal("unavailable: service 'book': its circuit is open: it failed 2 times in a row",
      act())
    assert.equal(2, book.calls)
    assert.equal("neap", runtime:query "Word")
  end)

  it("does not count what it refuses by a code of its own", function()
    local runtime <close>, book, act = guarded "{ breaker = { failures = 1 } }"
    book.act = function() return nil, { code = "unknown_address", message = "who?" } end
    for _ = 1, 3 do assert.equal("unknown_address: who?", act()) end
    assert.equal(3, book.calls)
    assert(runtime)
  end)

  it("gives a timeout when what it waits for takes too long", function()
    local runtime <close>, book, act = guarded "{ timeout = 2 }"
    book.act = function(_, context)
      local slept, err = context:sleep(10)
      return slept, err
    end
    assert.equal("timeout: service 'book' took longer than 2 s", act())
    book.act = function(_, context) return assert(context:sleep(1)) and "in time" end
    assert.equal("in time", act())
    assert(runtime)
  end)

  it("has as many calls at once as its limit says", function()
    local runtime <close>, book, act = guarded "{ limit = 1 }"
    book.act = function(n, context)
      return n and context:query("Act", {}) or "inner"
    end
    assert.equal("busy: service 'book' is at 1 calls already, its limit", act(1))
    assert.equal("inner", act())
    assert(runtime)
  end)
end)

describe("what guards", function()
  for options, message in pairs {
    ["timeout = 0"] = "'timeout' must be a number from 0.001 to 86400, but is 0",
    ["timeout = '2'"] = "'timeout' must be a number, but is a string",
    ["limit = 1.5"] = "'limit' must be an integer from 1 to 1000000, but is 1.5",
    ["breaker = true"] = "'breaker' must be a table, but is a boolean",
    ["breaker = { failure = 3 }"] =
      "'breaker' knows no key 'failure'; did you mean 'failures'?",
    ["breaker = { failures = 0 }"] =
      "'breaker': 'failures' must be an integer from 1 to 1000000, but is 0",
    ["breaker = { on = {} }"] = "'breaker': 'on' must be a list of codes",
    ["breaker = { on = { 5 } }"] = "'breaker': 'on' must be a list of texts, but has a number",
  } do
    it("is checked when it is defined: " .. options, function()
      for what, definition in pairs {
        ["subscriber 'mailer'"] = [[shop:subscriber "mailer" {
          all = true, handle = function() end, %s }]],
        ["service 'mail'"] = [[shop:service("mail", function() return {} end, { %s })]],
      } do
        local shop = "local neap = require 'neap' local shop = neap.domain 'shop'\n"
        local _, err = domains.open(shop .. definition:format(options) .. " return shop")
        assert.truthy(err.message:find(what .. ": " .. message, 1, true), err.message)
        assert.truthy(err.message:find "domain.lua:%d+: ", err.message)
      end
    end)
  end

  it("names what else was given", function()
    local ok, why = pcall(function()
      neap.domain "shop":service("mail", function() return {} end, { retries = 3 })
    end)
    assert.is_false(ok)
    assert.truthy(tostring(why):find("service 'mail' knows no key 'retries'", 1, true))
  end)
end)
