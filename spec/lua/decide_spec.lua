-- Deciding commands in aggregates, and folding what was decided.

local domains = require "spec.lua.domains"

local function error_of(body, code)
  local data, err = domains.decide(body)
  assert.is_nil(data)
  assert.equal(code or "handler", err.code)
  return err.message, err
end

describe("a command's handler", function()
  it("may decide nothing", function()
    assert.same({}, (domains.decide ""))
    assert.same({}, (domains.decide "return nil"))
  end)

  it("may decide one event or several, in order", function()
    assert.same({ { id = "a" } }, (domains.decide "return Done { id = command.id }"))
    assert.same({ { id = "a", value = 1 }, { id = "a", value = 2 } }, (domains.decide
      "return Done { id = 'a', value = 1 }, nil, Done { id = 'a', value = 2 }"))
  end)

  it("may reject, with code, message and details", function()
    local data, err = domains.decide
      "return neap.reject('no_room', 'all seats are taken', { seats = 0, list = neap.array {} })"
    assert.is_nil(data)
    assert.equal("no_room", err.code)
    assert.equal("rejected", err.status)
    assert.equal("all seats are taken", err.message)
    assert.same({ seats = 0, list = {} }, err.details)
    assert.equal("no_room: all seats are taken", tostring(err))
  end)

  it("records nothing when it rejects beside events", function()
    local _, err = domains.decide "return Done { id = 'a' }, neap.reject 'no'"
    assert.equal("no", err.code)
  end)

  it("gives details of at most 2 KiB", function()
    assert.truthy(error_of("return neap.reject('no', 'no', ('x'):rep(3000))")
      :find("the details of a rejection take 3002 bytes as JSON, more than 2047", 1, true))
    assert.truthy(error_of("return neap.reject('no', 'no', { f = print })")
      :find("the details of a rejection", 1, true))
  end)

  local refused = {
    ["return { Done { id = 'a' } }"] = "the handler of 'Do' returned a table that is no event: "
      .. "call the event, and return several events as several results",
    ["return 3"] = "the handler of 'Do' returned a number; it returns events, neap.reject(…), or "
      .. "nothing",
    ["return false"] = "the handler of 'Do' returned a boolean; it returns events, neap.reject(…), "
      .. "or nothing",
    ["return Do { id = 'a' }"] = "the handler of 'Do' returned 'Do', which is no event",
    ["return Other { id = 'a' }"] = "the handler of 'Do' decided 'Other', which aggregate 'Thing' "
      .. "does not fold: it is missing in 'events'",
    ["local e = Done { id = 'a' } e.id = 3 return e"] =
      "event 'Done': id: expected string, got integer 3",
    ["return setmetatable({ id = 'a' }, { 0 })"] = "the handler of 'Do' returned a table that is "
      .. "no event: call the event, and return several events as several results",
  }
  for body, message in pairs(refused) do
    it("is told what is wrong with " .. body, function()
      assert.equal("domain.lua:9: " .. message, (error_of(body)))
    end)
  end

  it("sees mistakes of constructors at its own line", function()
    assert.equal("domain.lua:10: Done: id: expected string, got nothing",
      (error_of "return Done { }"))
    assert.equal("domain.lua:10: Done needs a table of fields, but got string",
      (error_of "return Done 'a'"))
  end)

  it("gets its errors with a traceback of the domain's own lines", function()
    local message, err = error_of [[
      local function inner() local x = nil; return x.y end
      local function outer() return (inner()) end
      return (outer())]]
    assert.equal("domain.lua:10: attempt to index a nil value (local 'x')", message)
    assert.equal("domain.lua:10: in function 'inner'", err.traceback:match "^[^\n]*")
    local lines = {}
    for line in err.traceback:gmatch "[^\n]+" do
      lines[#lines + 1] = line:match "^domain.lua:%d+"
    end
    assert.same({ "domain.lua:10", "domain.lua:11", "domain.lua:12" }, lines)
  end)

  it("may raise anything", function()
    assert.equal("an error that is a table was raised", (error_of "error({ code = 'x' })"))
    assert.equal("an error that is a nil was raised", (error_of "error(nil)"))
    assert.equal("its own", (error_of
      "error(setmetatable({}, { __tostring = function() return 'its own' end }))"))
    assert.equal("an error that is a table was raised, and its __tostring failed",
      (error_of "error(setmetatable({}, { __tostring = function() error 'again' end }))"))
  end)

  it("cannot yield outside a coroutine", function()
    assert.truthy(error_of("coroutine.yield()"):find(
      "coroutine.yield: a decision is no coroutine; nothing would resume it", 1, true))
  end)

  it("gets a command that was checked", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event "Done" { id = "integer" }
      spec:command "Do" { id = "integer", list = { "string" } }
      spec:aggregate "Thing" { key = "id",
        commands = { Do = function(_, c) return Done { id = c.id } end },
        events = { Done = function() end } }
      return spec
    ]])
    local receipt, err = runtime:dispatch("Do", { id = 1, list = { "a", 2 } })
    assert.is_nil(receipt)
    assert.equal("invalid", err.code)
    assert.equal("list[2]", err.path)
  end)
end)

describe("an aggregate's state", function()
  local function changed(body)
    local data, err = domains.decide(body)
    assert.is_nil(data)
    return err
  end

  it("is read-only in commands, through all depths", function()
    local err = changed "state.count = 7"
    assert.equal("handler", err.code)
    assert.equal("count", err.path)
    assert.equal("domain.lua:9: the handler of 'Do' changed its state at 'count'; a state is "
      .. "read-only in commands: return an event, and change it in the event's fold", err.message)
    assert.equal("nested.list[2]", changed("state.nested.list[2] = nil").path)
    assert.equal("nested.list[3]", changed("table.insert(state.nested.list, 3)").path)
    assert.equal("nested", changed("state.nested = { list = { 1 } }").path:match "^nested")
    assert.equal("count", changed("state.count = 0.0").path)
    assert.equal("extra", changed("state.extra = {} return Done { id = 'a' }").path)
  end)

  it("may be written to with what it already is", function()
    assert.truthy(domains.decide "state.nested = { list = { 1, 2 } }")
  end)

  local function open(events, initial)
    return assert(domains.open(([[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event "Done" { id = "string", value = "any?" }
      spec:command "Do" { id = "string", value = "any?" }
      spec:aggregate "Thing" {
        key = "id",
        initial = %s,
        commands = { Do = function(state, c) return Done { id = c.id, value = c.value } end },
        events = { Done = %s },
      }
      return spec
    ]]):format(initial or "{}", events)))
  end

  it("is changed by folds", function()
    local runtime <close> = open "function(s, e) s.sum = (s.sum or 0) + e.value end"
    assert(runtime:dispatch("Do", { id = "a", value = 3 }))
    assert(runtime:dispatch("Do", { id = "a", value = 4 }))
    assert.same({ sum = 7 }, runtime:state("Thing", "a"))
    assert.same({ sum = 3 }, runtime:state("Thing", "a", 1))
  end)

  it("is replaced by a table that a fold gives", function()
    local runtime <close> = open "function(s, e) return { last = e.value, before = s.last } end"
    assert(runtime:dispatch("Do", { id = "a", value = 3 }))
    assert(runtime:dispatch("Do", { id = "a", value = 4 }))
    assert.same({ last = 4, before = 3 }, runtime:state("Thing", "a"))
  end)

  it("cannot be replaced by anything else", function()
    local runtime <close> = open "function(s, e) return e.value end"
    local receipt, err = runtime:dispatch("Do", { id = "a", value = 3 })
    assert.is_nil(receipt)
    assert.equal("handler", err.code)
    assert.truthy(err.message:find(
      "the fold of 'Done' gave a number; it changes the state, or gives a new table", 1, true))
  end)

  it("forgets what was decided when a fold raises", function()
    local runtime <close> = open
      "function(s, e) s.n = (s.n or 0) + 1; if e.value == 'bad' then error 'no' end end"
    assert(runtime:dispatch("Do", { id = "a", value = "good" }))
    local receipt, err = runtime:dispatch("Do", { id = "a", value = "bad" })
    assert.is_nil(receipt)
    assert.equal("handler", err.code)
    assert(runtime:dispatch("Do", { id = "a", value = "good" }))
    assert.same({ n = 2 }, runtime:state("Thing", "a"))
  end)

  it("begins as a copy of `initial`, for each instance", function()
    local runtime <close> =
      open("function(s, e) s.list[#s.list + 1] = e.value end", "{ list = {} }")
    assert(runtime:dispatch("Do", { id = "a", value = 1 }))
    assert(runtime:dispatch("Do", { id = "b", value = 2 }))
    assert.same({ list = { 1 } }, runtime:state("Thing", "a"))
    assert.same({ list = { 2 } }, runtime:state("Thing", "b"))
  end)

  it("may begin as a function of the id says, copied too", function()
    local runtime <close> = open("function(s, e) s.n = s.n + 1 end", [[(function()
      local shared = { n = 0 }
      return function(id) shared.id = id return shared end
    end)()]])
    assert(runtime:dispatch("Do", { id = "a" }))
    assert(runtime:dispatch("Do", { id = "b" }))
    assert.same({ n = 1, id = "a" }, runtime:state("Thing", "a"))
    assert.same({ n = 1, id = "b" }, runtime:state("Thing", "b"))
  end)

  it("gets events of its own, decoded from what is recorded", function()
    local runtime <close> = open "function(s, e) s.kept = s.kept or e; e.value = e.value .. '!' end"
    assert(runtime:dispatch("Do", { id = "a", value = "x" }))
    assert(runtime:dispatch("Do", { id = "a", value = "y" }))
    local values = {}
    for event in runtime:events {} do
      values[#values + 1] = event.data.value
    end
    assert.same({ "x", "y" }, values)
    assert.same({ kept = { id = "a", value = "x!" } }, runtime:state("Thing", "a"))
  end)

  it("is shown as JSON as well as JSON can", function()
    local runtime <close> = open [[function(s)
      s.mixed = { 1, x = 2, [7] = 3, [2.5] = 4, [true] = 5 }
      s.nan = 0/0; s.big = 1/0; s.f = print; s.null = neap.null; s.list = neap.array {}
      s.self = s; s.bytes = "\xff"
    end]]
    assert(runtime:dispatch("Do", { id = "a" }))
    local state = assert(runtime:state("Thing", "a"))
    assert.same({ ["1"] = 1, x = 2, ["7"] = 3, ["2.5"] = 4, ["true"] = 5 }, state.mixed)
    assert.same({ "nan", "inf", "function", {}, "(contains itself)", "\u{FFFD}" },
      { state.nan, state.big, state.f, state.list, state.self, state.bytes })
  end)
end)

describe("an integer key", function()
  it("names the stream, and is an integer in `initial`", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event("Done", { tags = { "room", "id" } })
        { id = "integer", room = "string?" }
      spec:command "Do" { id = "integer", room = "string?" }
      spec:aggregate "Thing" {
        key = "id",
        initial = function(id) return { id = id + 1 } end,
        commands = { Do = function(_, c) return Done { id = c.id, room = c.room } end },
        events = { Done = function() end },
      }
      return spec
    ]])
    local receipt = assert(runtime:dispatch("Do", { id = 41, room = "blue" }))
    assert.equal("Thing-41", receipt.stream)
    assert.same({ id = 42 }, runtime:state("Thing", 41))
    assert(runtime:dispatch("Do", { id = 41 }))
    local tags = {}
    for event in runtime:events {} do
      tags[#tags + 1] = event.tags
    end
    assert.same({ { "id:41", "room:blue" }, { "id:41" } }, tags)
  end)
end)
