-- Broken Lua, in every way and in every place: the caller gets an error with a code and a place,
-- and everything else goes on.

local neap = require "neap"

local domains = require "spec.lua.domains"

local options = {
  handler_instructions = 1000000,
  handler_ms = 20000,
  lane_memory_bytes = 16 * 1024 * 1024,
  allocation_bytes = 4 * 1024 * 1024,
}

-- What the function `broken` does, on line 2 of the domain's file, and what comes of it.
local instructions =
  { code = "limit", message = "^instructions: the handler ran more than 1000000" }
local memory = { code = "limit", message = "^memory: " }
local depth = { code = "limit", message = "^depth: " }
local function raises(message)
  return { code = "handler", message = message }
end

local ways = {
  -- Endless.
  ["a loop"] = { instructions, "while true do end" },
  ["a loop in pcall"] = { instructions,
    "while true do pcall(function() while true do end end) end" },
  ["a loop in the handler of xpcall"] =
    { instructions, "xpcall(error, function() while true do end end)" },
  ["a loop in a coroutine"] =
    { instructions, "coroutine.resume(coroutine.create(function() while true do end end))" },
  ["a loop in a wrapped coroutine"] =
    { instructions, "pcall(coroutine.wrap(function() while true do end end))" },
  ["a loop in a coroutine that is closed"] = { instructions, [[
    local made = coroutine.create(function()
      local x <close> = setmetatable({}, { __close = function() while true do end end })
      coroutine.yield()
    end)
    coroutine.resume(made) coroutine.close(made)]] },
  ["a loop in __index"] = { instructions,
    "return setmetatable({}, { __index = function() while true do end end }).x" },
  ["a loop in __newindex"] = { instructions,
    "setmetatable({}, { __newindex = function() while true do end end }).x = 1" },
  ["a loop in __eq"] = { instructions, [[
    local with = { __eq = function() while true do end end }
    return setmetatable({}, with) == setmetatable({}, with)]] },
  ["a loop in __lt"] = { instructions,
    "return setmetatable({}, { __lt = function() while true do end end }) < {}" },
  ["a loop in __concat"] = { instructions,
    "return setmetatable({}, { __concat = function() while true do end end }) .. ''" },
  ["a loop in __len"] = { instructions,
    "return #setmetatable({}, { __len = function() while true do end end })" },
  ["a loop in __len of what is joined"] = { instructions,
    "table.concat(setmetatable({}, { __len = function() while true do end end }))" },
  ["an endless list"] = {
    { code = "limit", message = "table.concat would join more than 10000000 elements" },
    "table.concat(setmetatable({}, { __index = function() return '' end }), '', 1, 1 << 60)" },
  ["a list that a function in C gives"] = { instructions, [[
    local t = setmetatable({}, { __index = table.concat })
    while true do table.concat(t, '', 1, 1e7) end]] },
  ["a number of many digits"] = { instructions,
    "local digits = ('1'):rep(4e6) while true do tonumber(digits) end" },
  ["a loop in __call"] = { instructions,
    "setmetatable({}, { __call = function() while true do end end })()" },
  ["a loop in __tostring"] = { instructions,
    "tostring(setmetatable({}, { __tostring = function() while true do end end }))" },
  ["a loop in __pairs"] = { instructions,
    "pairs(setmetatable({}, { __pairs = function() while true do end end }))" },
  ["a loop in __close"] = { instructions,
    "local x <close> = setmetatable({}, { __close = function() while true do end end })" },
  ["a finalizer"] = { raises "remove __gc$",
    "setmetatable({}, { __gc = function() while true do end end })" },
  ["a pattern that tries everything"] = { instructions,
    "return ('x'):rep(60):find(('x*'):rep(20) .. 'y')" },
  ["a pattern that tries everything, in pcall"] = { instructions,
    "pcall(string.gsub, ('x'):rep(60), ('x-'):rep(20) .. 'y', '')" },
  ["a sort that never ends"] = { instructions, [[
    local t = {} for i = 1, 1e5 do t[i] = i end
    table.sort(t, function(a, b) return a > b end)]] },

  -- Memory.
  ["a text that doubles"] = { memory, "local s = 'x' while true do s = s .. s end" },
  ["a text that doubles, in pcall"] = { { code = "limit", message = "^time: " },
    "local s = 'x' while true do pcall(function() s = s .. s end) end", ms = 200 },
  ["a table that grows"] = { memory, "local t = {} for i = 1, 1e9 do t[i] = i end" },
  ["tables in tables"] = { memory, "local t = {} while true do t = { t, t } end", growth = true },
  ["closures in closures"] = { memory,
    "local f while true do local g = f f = function() return g end end", growth = true },
  ["coroutines in a list"] = { memory, [[
    local t = {} while true do
      t[#t + 1] = coroutine.create(print) coroutine.resume(t[#t])
    end]], growth = true },
  ["a huge string.rep"] = {
    { code = "limit", message = "string.rep would make a text of more than" },
    "return ('x'):rep(1 << 40)" },
  ["a huge table.concat"] = { { code = "limit", message = "table.concat would make a text" },
    "local s = ('x'):rep(2e6) return table.concat { s, s, s }" },
  ["a huge unpack"] = { raises "too many results to unpack$", "table.unpack({}, 1, 1e8)" },

  -- Depth.
  ["recursion"] = { depth, "local function f() return 1 + f() end f()", deep = true },
  ["recursion through pcall"] = { depth,
    "local function f() local ok, why = pcall(f) error(why, 0) end f()", deep = true },
  ["recursion through a metamethod"] = { depth, [[
    local t = setmetatable({}, {})
    getmetatable(t).__index = function(_, k) return t[k] end
    return t.x]], deep = true },
  ["recursion through gsub"] = { depth,
    "local function f() return (('x'):gsub('x', f)) end f()", deep = true },
  ["recursion through coroutines"] = { depth,
    "local function f() return coroutine.wrap(f)() end f()", deep = true },
  ["recursion through tostring"] = { depth, [[
    local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end
    tostring(t)]], deep = true },

  -- Errors.
  ["an error"] = { raises "^domain.lua:2: wrong$", "error 'wrong'" },
  ["no error object"] = { raises "^an error that is a nil was raised$", "error()" },
  ["an error that is a number"] = { raises "^an error that is a number was raised: 12$",
    "error(12)" },
  ["an error that is a table"] = { raises "^an error that is a table was raised$", "error {}" },
  ["an error that is a function"] = { raises "^an error that is a function was raised$",
    "error(print)" },
  ["an error that is a coroutine"] = { raises "^an error that is a thread was raised$",
    "error(coroutine.create(print))" },
  ["an error that is a file"] = { raises "^file %(", "error(io.stdout)" },
  ["an error that says what it is"] = { raises "^its own$",
    "error(setmetatable({}, { __tostring = function() return 'its own' end }))" },
  ["an error whose __tostring fails"] = { raises "was raised, and its __tostring failed$",
    "error(setmetatable({}, { __tostring = function() error 'again' end }))" },
  ["an error whose __tostring gives no text"] = { raises "was raised, and its __tostring failed$",
    "error(setmetatable({}, { __tostring = function() return {} end }))" },
  ["an error in the handler of errors"] = { raises "error in error handling$", [[
    local function f() error 'x' end
    local _, why = xpcall(f, function() return f() end) error(why, 0)]] },
  ["an error in __close"] = { raises "^domain.lua:2: closing$",
    "local x <close> = setmetatable({}, { __close = function() error 'closing' end }) error 'a'" },
  ["a failed assert"] = { raises "^assertion failed!$", "assert(false)" },
  ["an index of nil"] = { raises "^domain.lua:2: attempt to index a nil value %(local 'x'%)$",
    "local x return x.y" },

  -- What cannot be done.
  ["a yield"] = { raises "^domain.lua:2: coroutine.yield: ", "coroutine.yield()" },
  ["a wait in gsub"] = { waits = "nothing can wait inside string.gsub",
    "('x'):gsub('x', function() wait() end)" },
  ["a wait in sort"] = { waits = "nothing can wait inside table.sort",
    "table.sort({ 1, 2, 3 }, function() wait() end)" },
  ["a wait in a coroutine in tostring"] = { waits = "nothing can wait inside tostring", [[
    tostring(setmetatable({}, { __tostring = function()
      coroutine.wrap(function() wait() end)()
    end }))]] },
  ["a wait while it is closed"] = { waits = "^domain.lua:2: closed$", [[
    local x <close> = setmetatable({}, { __close = function() pcall(wait) end }) error "closed"]] },
  ["a wait without end"] = { waits = { code = "limit", message = "^waits: one message waited" },
    "while true do pcall(wait) end" },
  ["a wait in which memory is held"] = { waits = memory, [[
    local t = {} while true do t[#t + 1] = ('x'):rep(100000) wait() end]] },
  ["a loop between waits"] = { waits = instructions,
    "while true do for i = 1, 50000 do end wait() end" },
  ["a yield in pcall"] = { raises "coroutine.yield: ",
    "local _, why = pcall(coroutine.yield) error(why, 0)" },
  ["a yield in gsub"] = { raises "^domain.lua:2: coroutine.yield: string.gsub cannot be",
    "('x'):gsub('x', coroutine.yield)" },
  ["a global"] = { raises "^domain.lua:2: global 'x' cannot be made", "x = 1" },
  ["bytecode"] = { raises "bytecode is refused", "assert(load('\\27Lua'))" },
  ["an own library that is changed"] =
    { raises "string.rep cannot be changed", "string.rep = nil", loading = false },
  ["a global that is changed"] =
    { raises "global 'print' cannot be changed", "print = nil", loading = false },
}

local text = [[
local wait local function broken()
  %s
end
local function at(place, breaks) if breaks == place then return broken() end end
local neap = require "neap"
local spec = neap.domain "spec"
at("load", "%s")
local Done = spec:event "Done" { id = "string", breaks = "string" }
local Do = spec:command "Do" { id = "string", breaks = "string" }
local Act = spec:command "Act" { breaks = "string" }
local Checked = spec:event "Checked" {
  field = function(value) at("check", value) return true end,
}
spec:aggregate "Thing" {
  key = "id",
  initial = function(id) at("initial", id) return { count = 0 } end,
  commands = { Do = function(_, command)
    at("decision", command.breaks)
    return Done { id = command.id, breaks = command.breaks }
  end },
  events = { Done = function(state, event)
    state.count = state.count + 1
    at("fold", event.breaks)
  end },
}
spec:handle(Act, function(command, context)
  context:publish(Checked { field = command.breaks }, { stream = "Acts-1" })
  wait = function() return context:sleep(0) end
  at("handler", command.breaks)
end)
spec:answer(spec:query "Ask" { breaks = "string" }, function(query, context)
  wait = function() return context:sleep(0) end
  at("answer", query.breaks)
  return "well"
end)
spec:answer(spec:query "Count" { id = "string" }, function(query, context)
  return context:state("Thing", query.id).count
end)
spec:answer(spec:query "Memory" {}, function()
  local least, part = math.huge, ("x"):rep(1000)
  for _ = 1, 40 do
    local _ = part:rep(1000)
    least = math.min(least, collectgarbage "count")
  end
  return least
end)
return spec
]]

-- What breaks it, and gives no result and the error.
local places = {
  decision = function(runtime)
    return runtime:dispatch("Do", { id = "a", breaks = "decision" })
  end,
  fold = function(runtime) return runtime:dispatch("Do", { id = "a", breaks = "fold" }) end,
  initial = function(runtime) return runtime:dispatch("Do", { id = "initial", breaks = "" }) end,
  handler = function(runtime) return runtime:dispatch("Act", { breaks = "handler" }) end,
  check = function(runtime) return runtime:dispatch("Act", { breaks = "check" }) end,
  answer = function(runtime) return runtime:query("Ask", { breaks = "answer" }) end,
}

-- Where something can wait.
local waiting_places = { handler = places.handler, answer = places.answer }

local function check_error(err, expected, place)
  local message = err.message:gsub("/tmp/[%w_]+/", "")
  local told = place .. ": " .. message
  local unanchored = expected.message:gsub("^%^", "")
  assert.equal(expected.code, err.code, told)
  assert.truthy(message:find(unanchored), told)
  assert.truthy((message .. (err.traceback or "")):find "domain.lua:%d+", told)
end

-- The same stream, another one, and everything else.
local function goes_on(runtime, version)
  for _, id in ipairs { "a", "b" } do
    local receipt = assert(runtime:dispatch("Do", { id = id, breaks = "" }))
    assert.equal(version, receipt.version)
    assert.equal(version, (assert(runtime:query("Count", { id = id }))))
  end
  assert.equal("well", runtime:query("Ask", { breaks = "" }))
  assert(runtime:dispatch("Act", { breaks = "" }))
end

local function options_for(way)
  local used = {}
  for name, value in pairs(options) do used[name] = value end
  if way.deep then
    used.allocation_bytes, used.lane_memory_bytes = 1 << 26, 1 << 28
    used.handler_instructions = 1 << 30
  elseif way[1] == memory or way.ms then
    used.handler_instructions = 1 << 30
  end
  used.handler_ms = way.ms or used.handler_ms
  return used
end

-- Positions without a hole, and nothing of what broke.
local function check_events(runtime, count)
  local position = 0
  for event in runtime:events {} do
    position = position + 1
    assert.equal(position, event.position)
    assert.equal("", event.data.breaks or event.data.field)
  end
  assert.equal(count, position)
end

local function break_everywhere(way)
  local folder = domains.write { ["domain.lua"] = text:format(way.code, "") }
  local runtime <close> = assert(neap.open(folder .. "/domain.lua", options_for(way)))
  domains.remove(folder)
  goes_on(runtime, 1)
  local version = 1
  for place, break_at in pairs(way.waits and waiting_places or places) do
    local result, err = break_at(runtime)
    assert.is_nil(result)
    check_error(err, way[1], place)
    version = version + 1
    goes_on(runtime, version)
  end
  check_events(runtime, version * 3)
  if not (way.deep or way.ms) then
    assert.truthy(runtime:query "Memory" < 6 * 1024)
  end
end

local function break_loading(way)
  local runtime, err = domains.open(text:format(way.code, "load"), options_for(way))
  assert.is_nil(runtime)
  check_error(err, way[1], "load")
end

describe("broken Lua:", function()
  for name, way in pairs(ways) do
    if way.waits then
      way[1], way[2] = type(way.waits) == "string" and raises(way.waits) or way.waits, way[1]
      way.loading = false
    end
    way.code = way[2]:gsub("\n%s*", " ")
    it(name .. ((way.growth or way.deep or way.ms) and " #growth" or ""), function()
      break_everywhere(way)
      if way.loading ~= false then
        break_loading(way)
      end
    end)
  end
end)

-- What a handler does with what it was given, or gave, must not reach the next one.
describe("what a handler keeps", function()
  local kept = [[
    local neap = require "neap"
    local spec = neap.domain "spec"
    local Done = spec:event "Done" { id = "string", value = "any?" }
    spec:command "Do" { id = "string", how = "string" }
    local kept
    local ways = {
      plain = function(state) return state.count end,
      change = function(state) state.nested.list[1] = 100 end,
      raise_state = function(state) state.count = 100 error { state = state } end,
      keep_context = function(_, context) kept = context end,
    }
    spec:aggregate "Thing" {
      key = "id",
      initial = { count = 0, nested = { list = { 1 } } },
      commands = { Do = function(state, command, context)
        if command.how == "change_event" then
          if kept then kept.value = "changed" end
          kept = Done { id = command.id, value = { "as", "returned" } }
          return kept
        end
        return Done { id = command.id, value = ways[command.how](state, context) }
      end },
      events = { Done = function(state, event)
        state.count = state.count + 1
        state.nested.list[1] = state.nested.list[1] + 1
        event.value = "changed by the fold"
        if kept and type(kept) == "userdata" then kept:now() end
      end },
    }
    spec:answer(spec:query "State" { id = "string" }, function(query, context)
      local state = context:state("Thing", query.id)
      state.count = state.count + 1000
      return { state.count, state.nested.list[1] }
    end)
    return spec
  ]]

  local function dispatch(runtime, how, id)
    return runtime:dispatch("Do", { id = id or "a", how = how })
  end

  it("is not the state: what changed it is undone", function()
    local runtime <close> = assert(domains.open(kept))
    for _, how in ipairs { "change", "raise_state" } do
      assert(dispatch(runtime, "plain"))
      local before = runtime:query("State", { id = "a" })
      local _, err = dispatch(runtime, how)
      assert.equal("handler", err.code)
      assert.same(before, (runtime:query("State", { id = "a" })))
    end
    assert(dispatch(runtime, "plain"))
    assert.same({ 1003, 4 }, (runtime:query("State", { id = "a" })))
  end)

  it("is not `initial`, and not an answer's state", function()
    local runtime <close> = assert(domains.open(kept))
    assert(dispatch(runtime, "plain"))
    assert(dispatch(runtime, "plain", "b"))
    for _ = 1, 2 do
      assert.same({ 1001, 2 }, (runtime:query("State", { id = "b" })))
    end
  end)

  it("is not an event: what was returned is recorded as it was", function()
    local runtime <close> = assert(domains.open(kept))
    for _ = 1, 3 do
      assert(dispatch(runtime, "change_event"))
    end
    for event in runtime:events {} do
      assert.same({ "as", "returned" }, event.data.value)
    end
  end)

  it("is not its context: a fold cannot use it", function()
    local runtime <close> = assert(domains.open(kept))
    local _, err = dispatch(runtime, "keep_context")
    assert.truthy(err.message:find("the handler that this context belongs to has ended$"))
  end)

  it("may be a coroutine, which goes on in the next handler by its rules", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event "Done" {}
      local kept
      spec:handle(spec:command "Do" {}, function(_, context)
        kept = coroutine.wrap(function()
          while true do
            context:publish(Done {}, { stream = "A-1" })
            context = coroutine.yield()
          end
        end)
        kept()
      end)
      spec:answer(spec:query "Ask" {}, function(_, context) kept(context) end)
      return spec
    ]])
    assert(runtime:dispatch "Do")
    local _, err = runtime:query "Ask"
    assert.truthy(err.message:find("context:publish is for commands", 1, true), err.message)
  end)
end)
