-- What stops code that does not stop by itself. Each case ends with the limit's own error, and the
-- runtime goes on afterwards.

local domains = require "spec.lua.domains"

local options = {
  handler_instructions = 3000000,
  handler_ms = 20000,
  lane_memory_bytes = 24 * 1024 * 1024,
  allocation_bytes = 4 * 1024 * 1024,
  nesting_depth = 20,
}

-- Runs the body as a query, and then the same runtime's next query.
local function outcome(body, changed)
  local used = {}
  for name, value in pairs(options) do used[name] = value end
  for name, value in pairs(changed or {}) do used[name] = value end
  local runtime <close>, failure, folder = domains.open(([[
    local neap = require "neap"
    local spec = neap.domain "spec"
    spec:answer(spec:query "Ask" {}, function(query, context)
      %s
    end)
    spec:answer(spec:query "Next" {}, function() return "well" end)
    return spec
  ]]):format(body), used)
  assert(runtime, tostring(failure))
  local answer, err = runtime:query "Ask"
  assert.equal("well", runtime:query "Next")
  if err then
    local pattern = folder:gsub("%p", "%%%0") .. "/"
    err.message = err.message:gsub(pattern, "")
    err.traceback = err.traceback and err.traceback:gsub(pattern, "")
  end
  return answer, err
end

local function limit_of(body, changed)
  local answer, err = outcome(body, changed)
  assert.is_nil(answer)
  assert.equal("limit", err.code, tostring(err))
  return err.message, err
end

local instructions = "instructions: the handler ran more than 3000000"

describe("the limit of instructions", function()
  local loops = {
    ["a plain loop"] = "while true do end",
    ["a loop in pcall"] = "while true do pcall(function() while true do end end) end",
    ["a loop in nested pcalls"] =
      "pcall(pcall, pcall, function() while true do end end) return 'swallowed'",
    ["a loop in xpcall"] =
      "xpcall(function() while true do end end, function() return 1 end) return 'swallowed'",
    ["a loop in the handler of xpcall"] =
      "xpcall(error, function() while true do end end) return 'swallowed'",
    ["a loop in a coroutine"] =
      "coroutine.resume(coroutine.create(function() while true do end end)) return 'swallowed'",
    ["a loop in a wrapped coroutine"] =
      "pcall(coroutine.wrap(function() while true do end end)) return 'swallowed'",
    ["a loop in a coroutine in a coroutine"] = [[
      coroutine.resume(coroutine.create(function()
        coroutine.resume(coroutine.create(function() while true do end end))
        return 1
      end))
      return 'swallowed']],
    ["a loop in a metamethod"] = [[
      local t = setmetatable({}, { __index = function() while true do end end })
      return pcall(function() return t.x end)]],
    ["a loop in __close"] =
      "local x <close> = setmetatable({}, { __close = function() while true do end end }) return 1",
    ["a loop in __close of a closed coroutine"] = [[
      local made = coroutine.create(function()
        local x <close> = setmetatable({}, { __close = function() while true do end end })
        coroutine.yield()
      end)
      coroutine.resume(made)
      coroutine.close(made)
      return 'swallowed']],
    ["a loop in the function that load reads from"] =
      "load(function() while true do end end) return 'swallowed'",
    ["a loop in a comparison of sort"] =
      "pcall(table.sort, { 3, 2, 1 }, function() while true do end end) return 'swallowed'",
    ["a loop in a replacement of gsub"] =
      "pcall(string.gsub, 'x', 'x', function() while true do end end) return 'swallowed'",
    ["a loop behind a loop that was stopped in pcall"] =
      "pcall(function() while true do end end) while true do end",
    ["a pattern that tries everything"] =
      "return ('x'):rep(60):find(('x*'):rep(20) .. 'y')",
    ["a pattern that tries everything, in pcall"] =
      "pcall(string.match, ('x'):rep(60), ('x-'):rep(20) .. 'y') return 'swallowed'",
    ["a pattern on a large text"] = "return ('x'):rep(2e6):gsub('(x-)%1y', '')",
    ["many patterns that each take long"] =
      "local s = ('x'):rep(1e5) while true do for _ in s:gmatch '.-y$' do end end",
    ["insertions in front of a long list"] =
      "local t = {} for i = 1, 100000 do t[i] = i end while true do table.insert(t, 1, 0) end",
    ["removals in front of a long list, in pcall"] = [[
      local t = {} for i = 1, 100000 do t[i] = i end
      while true do pcall(table.remove, t, 1) t[#t + 1] = 1 end]],
    ["moves of a long list"] =
      "local t = {} for i = 1, 100000 do t[i] = i end while true do table.move(t, 1, #t, 2) end",
    ["sorting again and again"] =
      "local t = {} for i = 1, 100000 do t[i] = -i end while true do table.sort(t) end",
    ["changing a large text again and again"] =
      "local s = ('x'):rep(3e6) while true do s:upper() utf8.len(s) end",
    ["a loop in __tostring of an error"] =
      "error(setmetatable({}, { __tostring = function() while true do end end }))",
    ["a loop of short coroutines"] =
      "while true do coroutine.wrap(function() for _ = 1, 10 do end end)() end",
  }
  for name, body in pairs(loops) do
    local tag = name:find "short coroutines" and " #growth" or ""
    it("stops " .. name .. tag, function()
      assert.equal(instructions, (limit_of(body)))
    end)
  end

  it("tells where it stopped", function()
    local _, err = limit_of "local function spin() while true do end end spin() return 1"
    assert.truthy(err.traceback:find("^domain.lua:4: in function 'spin'"), err.traceback)
  end)

  it("stops a domain while it is loaded", function()
    local runtime, err = domains.open("while true do end", options)
    assert.is_nil(runtime)
    assert.equal("limit", err.code)
  end)

  it("stops folds and `initial`", function()
    for _, place in ipairs { "initial", "fold" } do
      local runtime <close> = assert(domains.open(([[
        local neap = require "neap"
        local spec = neap.domain "spec"
        local Done = spec:event "Done" {}
        spec:command "Do" { id = "string" }
        spec:aggregate "Thing" { key = "id",
          initial = function() while "%s" == "initial" do end return {} end,
          commands = { Do = function() return Done {} end },
          events = { Done = function() while true do end end } }
        return spec
      ]]):format(place), options))
      local _, err = runtime:dispatch("Do", { id = "a" })
      assert.equal("limit", err.code)
    end
  end)
end)

describe("the limit of time", function()
  it("stops a handler that runs for too long", function()
    assert.equal("time: the handler ran longer than 50 ms",
      (limit_of("while true do end", { handler_instructions = 1 << 60, handler_ms = 50 })))
  end)

  it("is looked at in between when each instruction takes long #growth", function()
    local begun = os.time()
    assert.equal("time: the handler ran longer than 2000 ms",
      (limit_of("local s = ('x'):rep(6000):rep(10000) while true do local t = s .. 'y' end", {
        handler_instructions = 1 << 60, handler_ms = 2000, allocation_bytes = 1 << 26,
        lane_memory_bytes = 1 << 30 })))
    assert.truthy(os.time() - begun <= 20)
  end)
end)

describe("the limit of memory #growth", function()
  local bombs = {
    ["tables in tables"] = "local t = {} while true do t = { t } end",
    ["tables in tables in pcall"] =
      "local t = {} while true do pcall(function() while true do t = { t } end end) end",
    ["texts that are kept"] =
      "local t, s = {}, ('x'):rep(1000000) while true do t[#t + 1] = s .. #t end",
    ["texts that are kept by a coroutine"] = [[
      local t, s = {}, ('x'):rep(1000000)
      coroutine.wrap(function() while true do t[#t + 1] = s .. #t end end)()]],
    ["many coroutines"] = [[
      local t = {}
      while true do t[#t + 1] = coroutine.create(print) coroutine.resume(t[#t]) end]],
    ["closures that hold each other"] =
      "local f while true do local g = f f = function() return g end end",
  }
  for name, body in pairs(bombs) do
    it("stops " .. name, function()
      assert.equal("memory: more than 25165824 bytes of Lua are in use",
        (limit_of(body, { handler_instructions = 1 << 40 })))
    end)
  end

  it("does not count what is garbage", function()
    assert.equal("done", (outcome(
      "local s = ('x'):rep(1000000) for i = 1, 200 do local t = s .. i end return 'done'")))
  end)

  it("refuses a single request that is too large", function()
    assert.equal("memory: one request of 4194329 bytes; at most 4194304 are allowed",
      (limit_of "local s = ('x'):rep(2 * 1024 * 1024) s = s .. s return #s"))
    assert.truthy(limit_of("local t = {} for i = 1, 1e7 do t[i] = true end")
      :find "^memory: ")
  end)
end)

describe("the limit of depth", function()
  local recursions = {
    ["a function that calls itself"] = "local function f() return 1 + f() end return f()",
    ["a metamethod that calls itself"] = [[
      local t = setmetatable({}, {})
      getmetatable(t).__index = function(_, k) return t[k .. 'x'] end
      return t.x]],
    ["pcall in pcall"] = "local function f() return pcall(f) end f() error 'stack overflow'",
    ["coroutines in coroutines"] = [[
      local function f() return coroutine.wrap(f)() end
      return f()]],
    ["gsub in gsub"] = [[
      local function f() return (('x'):gsub('x', f)) end
      return f()]],
  }
  for name, body in pairs(recursions) do
    it("stops " .. name, function()
      local message = limit_of(body, { allocation_bytes = 1 << 26, lane_memory_bytes = 1 << 28 })
      assert.truthy(message:find "^depth: ", message)
    end)
  end

  it("stops a field's check that makes the message again", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Nested
      Nested = spec:event "Nested" {
        field = function(value) Nested { field = value } return true end
      }
      spec:answer(spec:query "Ask" {}, function() return Nested { field = 1 } end)
      return spec
    ]])
    local _, err = runtime:query "Ask"
    assert.equal("depth: C stack overflow", err.message)
  end)

  it("ends an error in the handler of errors", function()
    local _, err = outcome [[
      local function f() error "x" end
      local ok, why = xpcall(f, function() return f() end)
      error(why)]]
    assert.equal("handler", err.code)
    assert.equal("domain.lua:6: error in error handling", err.message)
  end)

  it("stops messages that are nested too deep", function()
    local _, err = outcome
      "local t = {} local inner = t for i = 1, 30 do inner.x = {} inner = inner.x end return t"
    assert.equal("limit", err.code)
    local _, cycle = outcome "local t = {} t.x = t return t"
    assert.equal("handler", cycle.code)
    assert.equal("x", cycle.path)
  end)
end)

describe("library functions that could run for long", function()
  local bounded = {
    ["('x'):rep(1e9)"] =
      "domain.lua:4: string.rep would make a text of more than 4194304 bytes",
    ["('x'):rep(1 << 62, 'y')"] =
      "domain.lua:4: string.rep would make a text of more than 4194304 bytes",
    ["table.concat({ ('x'):rep(3e6), ('x'):rep(3e6) })"] =
      "domain.lua:4: table.concat would make a text of more than 4194304 bytes",
    ["table.concat(setmetatable({}, { __index = table.concat }), '', 1, 1 << 52)"] =
      "domain.lua:4: table.concat would join more than 10000000 elements",
    ["table.concat(setmetatable({}, { __index = rawlen }), '', -2, math.maxinteger)"] =
      "domain.lua:4: table.concat would join more than 10000000 elements",
    ["table.move({}, 1, 1 << 60, 2)"] =
      "domain.lua:4: table.move would move more than 10000000 elements",
    ["table.insert(setmetatable({}, { __len = function() return 1 << 40 end }), 1, 1)"] =
      "domain.lua:4: table.insert would move more than 10000000 elements",
    ["table.remove(setmetatable({}, { __len = function() return 1 << 40 end }), 1)"] =
      "domain.lua:4: table.remove would move more than 10000000 elements",
    ["table.sort(setmetatable({}, { __len = function() return 1 << 30 end }))"] =
      "domain.lua:4: table.sort would move more than 10000000 elements",
    ["table.move({}, math.mininteger, 1, 2)"] =
      "domain.lua:4: table.move would move more than 10000000 elements",
    ["('x'):find('x?' .. ('y'):rep(65535))"] =
      "domain.lua:4: a pattern has at most 65536 bytes, not 65537",
  }
  for call, message in pairs(bounded) do
    it("are refused: " .. call, function()
      assert.equal(message, (limit_of("return " .. call)))
      assert.is_false((outcome(
        ("local ok = pcall(function() return %s end) return ok"):format(call))))
    end)
  end

  it("take a large text that is matched in one go", function()
    assert.same({ 2000001, 2000001 },
      (outcome "return { (('x'):rep(2e6) .. 'y'):find 'y' }"))
    assert.equal(2000000, (outcome "return #(('x'):rep(2e6) .. 'y'):match '^(x*)y$'"))
  end)

  it("do what they do otherwise", function()
    assert.same({ "xyx", "", "", "a,b,1", { 1, 1, 2 }, 2, "b-c", "X2y1" }, (outcome [[
      return { ("x"):rep(2, "y"), ("x"):rep(-1), (""):rep(1 << 60),
        table.concat({ "a", "b", 1 }, ","), table.move({ 1, 2 }, 1, 2, 2),
        ("abc"):find("b"), (("a-c"):gsub("a", "b")), (function()
          local t = { 2, "y" }
          table.insert(t, 1, "z") table.remove(t, 1) table.insert(t, 1) table.sort(t, function(a, b)
            return tostring(a) < tostring(b)
          end)
          return ("x"):upper() .. t[2] .. t[3] .. t[1]
        end)() }
    ]]))
  end)
end)

describe("the limits of what is recorded", function()
  -- A table of 30 levels that each hold the next one twice: 2^30 tables as JSON.
  local many = "local t = {} for i = 1, 30 do t = { t, t } end "

  it("hold for tables that are shared many times #growth", function()
    local _, err = outcome(many .. "return t", { nesting_depth = 100 })
    assert.equal("limit", err.code)
    assert.truthy(err.message:find("as JSON it takes more than 67108864 bytes$"), err.message)
    _, err = domains.decide(many .. "return Done { id = 'a', value = t }")
    assert.equal("limit", err.code)
    assert.truthy(err.message:find("^domain.lua:10: Done: .*as JSON it takes more than 67108864 "),
      err.message)
    _, err = domains.decide(many .. "local e = Done { id = 'a' } e.value = t return e")
    assert.equal("limit", err.code)
    _, err = outcome("local s, t = ('x'):rep(4e6), {} for i = 1, 1000 do t[i] = s end return t")
    assert.equal("limit", err.code)
  end)

  it("do not count what is shared in a state", function()
    local runtime <close> = assert(domains.open(([[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event "Done" { id = "string" }
      spec:command "Do" { id = "string" }
      spec:aggregate "Thing" { key = "id",
        commands = { Do = function(_, command) return Done { id = command.id } end },
        events = { Done = function(state) %s state.shared = t end } }
      return spec
    ]]):format(many)))
    for version = 1, 3 do
      assert.equal(version, assert(runtime:dispatch("Do", { id = "a" })).version)
    end
  end)

  it("allow only so many events in a unit", function()
    local data, err = domains.decide([[
      local events = {}
      for i = 1, 4 do events[i] = Done { id = "a", value = i } end
      return table.unpack(events)]], { unit_events = 3 })
    assert.is_nil(data)
    assert.equal("limit", err.code)
    assert.equal("one handler records at most 3 events", err.message)
  end)

  it("allow only so many bytes in a unit, and in an event", function()
    local body = [[local large = { id = 'a', value = ('x'):rep(1000) }
      return Done(large), Done(large)]]
    local _, err = domains.decide(body, { unit_bytes = 1500 })
    assert.equal("one handler records at most 1500 bytes", err.message)
    _, err = domains.decide(body, { message_bytes = 900 })
    assert.truthy(err.message:find("event 'Done' takes 1021 bytes, more than 900", 1, true))
  end)
end)
