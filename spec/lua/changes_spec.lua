-- How states, documents and sagas came about, event by event.

local neap = require "neap"
local difference = require "neap.difference"
local history = require "neap.history"
local domains = require "spec.lua.domains"

-- %s: how Bumped is defined, and what else there is.
local counters_lua = [[
local neap = require "neap"
local spec = neap.domain "spec"
local version, upcasts = %s
local Bumped = spec:event("Bumped", { version = version }) { id = "string", by = "integer" }
local Joined = spec:event("Joined", { tags = { "left", "right" } })
  { left = "string", right = "string" }
local Reset = spec:event "Reset" { id = "string" }
local Odd = spec:event "Odd" { id = "string" }
spec:command "Bump" { id = "string", by = "integer" }
spec:command "Reset_" { id = "string" }
spec:command "Join" { left = "string", right = "string" }
if upcasts then upcasts(spec, Bumped, Reset, Odd) end
spec:aggregate "Counter" {
  key = "id", initial = { total = 0, last = { by = 0 } },
  commands = {
    Bump = function(_, c) return Bumped(c) end,
    Reset_ = function(_, c) return Reset(c) end,
  },
  events = {
    Bumped = function(state, e)
      state.total, state.last.by = state.total + e.by, e.by
      state.dozens = state.total // 12
    end,
    Reset = function(state) state.total = 0 end,
    Odd = function(state) state.odd = not state.odd end,
  },
  snapshot = SNAPSHOT,
}
spec:aggregate "Pair" {
  tags = { "left", "right" }, initial = { seen = 0 },
  commands = { Join = function(_, c) return Joined(c) end },
  events = { Joined = function(state) state.seen = state.seen + 1 end },
}
local folds = {
  Bumped = function(doc, e)
    doc.total = (doc.total or 0) + e.by
    doc.list = doc.list or {}
    doc.list[#doc.list %% 3 + 1] = e.by
  end,
  Reset = function() return neap.delete end,
}
spec:projection "kept" { key = "id", events = folds }
spec:projection "within" { key = "id", inline = true, events = folds }
spec:projection "demanded" { key = "id", live = true, events = folds }
spec:projection "rows" { schema = "CREATE TABLE {rows} (n INTEGER PRIMARY KEY)",
  events = { Bumped = function() end } }
spec:saga "watcher" {
  key = "id", initial = { seen = 0 }, starts = { "Bumped" },
  events = {
    Bumped = function(saga, e, context)
      saga.seen = saga.seen + 1
      if e.by == 99 then context:fail "too much" end
    end,
    Reset = function(_, _, context) context:complete() end,
  },
}
return spec
]]

local plain = counters_lua:format("1, nil")

-- The changes of something, for reading: position, then path old new …
local function listed(past, ...)
  local found = {}
  for event, changes in past:changes(...) do
    local one = { event.position }
    for _, change in ipairs(changes) do
      one[#one + 1] = ("%s %s→%s"):format(change.path, difference.show(change.old),
        difference.show(change.new))
    end
    found[#found + 1] = table.concat(one, "; ")
  end
  return found
end

local function reversed(list)
  local other = {}
  for i = #list, 1, -1 do other[#other + 1] = list[i] end
  return other
end

describe("what events changed", function()
  local folder, path, url

  local function write(text)
    local file <close> = assert(io.open(path, "wb"))
    assert(file:write((text:gsub("SNAPSHOT", "{ every = 7, keep = 3 }"))))
  end

  before_each(function()
    folder = domains.write { ["spec.lua"] = "" }
    path, url = folder .. "/spec.lua", "sqlite:" .. folder .. "/spec.db?synchronous=normal"
    write(plain)
  end)

  after_each(function() domains.remove(folder) end)

  local function record(commands)
    local runtime <close> = assert(neap.open(path, { store = url, subscriptions = "" }))
    for _, command in ipairs(commands) do assert(runtime:dispatch(command[1], command[2])) end
  end

  -- So many of "a", and between them some of "b".
  local function bump(count)
    local commands = {}
    for i = 1, count do
      commands[#commands + 1] = { "Bump", { id = "a", by = i % 5 } }
      if i % 3 == 0 then commands[#commands + 1] = { "Bump", { id = "b", by = 1 } } end
      if i % 50 == 0 then commands[#commands + 1] = { "Reset_", { id = "a" } } end
    end
    record(commands)
  end

  local function open(options)
    options = options or {}
    options.store = url
    local opened = assert(history.open(path, options))
    local past = assert(opened:at())
    opened:close()
    return past
  end

  it("is told forward and backward, whatever was kept", function()
    bump(150)
    for _, spacing in ipairs { 50000, 90, 7 } do
      local past <close> = open { checkpoint_spacing = spacing }
      for _, name in ipairs { "Counter", "kept", "within", "demanded", "watcher" } do
        local forward = listed(past, name, "a")
        assert.is_true(#forward > (name == "watcher" and 40 or 140), name)
        assert.same(reversed(forward), listed(past, name, "a", { backward = true }), name)
        local of_field = listed(past, name, "a", { field = "total" })
        assert.same(reversed(of_field),
          listed(past, name, "a", { field = "total", backward = true }), name)
      end
      for _, name in ipairs { "kept", "within", "demanded" } do
        assert.same(listed(past, "kept", "a"), listed(past, name, "a"))
      end
    end
  end)

  it("agrees with the states of each version", function()
    bump(130)
    local past <close> = open()
    local version, before = 0, {}
    for event, changes, state in past:changes("Counter", "a") do
      version = version + 1
      assert.equal(version, event.version)
      assert.same(assert(past:state("Counter", "a", version)), state)
      assert.same(history.differences(before, state), changes)
      before = state
    end
    assert.equal(132, version)
    local opened = assert(history.open(path, { store = url }))
    for event, _, document in past:changes("kept", "a", { from = 155 }) do
      assert.is_true(event.position >= 155)
      local then_ <close> = assert(opened:at(event.position))
      assert.same(then_:find("kept", "a") or nil, document)
    end
    opened:close()
  end)

  it("is of a field alone, and of versions and positions that are wanted", function()
    bump(60)
    local past <close> = open()
    assert.same({ "1; last.by nothing→1", "2; last.by 1→2" },
      listed(past, "Counter", "a", { field = "last.by", to = 2 }))
    assert.same({ "1; list[1] nothing→1" },
      listed(past, "kept", "a", { field = "list[1]", to = 4 }))
    assert.same({ "4; status nothing→\"running\"" },
      listed(past, "watcher", "b", { field = "status", to = 9 }))
    local seen = {}
    for event in past:changes("Counter", "a", { from = 3, to = 5, backward = true }) do
      seen[#seen + 1] = event.version
    end
    assert.same({ 5, 4, 3 }, seen)
    assert.same({}, listed(past, "Counter", "a", { from = 62 }))
    assert.same({}, listed(past, "Counter", "none", { backward = true }))
    assert.same({}, listed(past, "kept", "none"))
  end)

  it("is known of aggregates by tags, which a table names", function()
    record {
      { "Join", { left = "l", right = "r" } }, { "Join", { left = "x", right = "y" } },
      { "Join", { left = "l", right = "y" } }, { "Join", { left = "q", right = "r" } },
    }
    local past <close> = open()
    local id = { left = "l", right = "r" }
    local forward = { "1; seen nothing→1", "3; seen 1→2", "4; seen 2→3" }
    assert.same(forward, listed(past, "Pair", id))
    assert.same(reversed(forward), listed(past, "Pair", id, { backward = true }))
    assert.same({ "3; seen 1→2" }, listed(past, "Pair", id, { from = 2, to = 3 }))
    local why = past:why("Pair", id, "seen")
    assert.same({ 4, 2, 3 }, { why.event.position, why.old, why.new })
  end)

  it("is what upcast events change: one may be several, or none", function()
    record {
      { "Bump", { id = "a", by = 1 } }, { "Bump", { id = "a", by = 2 } },
      { "Bump", { id = "a", by = 3 } },
    }
    write(counters_lua:format [[2, function(spec, Bumped, _, Odd)
      Bumped:upcast(function(data)
        if data.by == 2 then return neap.drop end
        if data.by == 1 then return Bumped { id = "a", by = 10 }, Odd { id = "a" } end
        return data
      end)
    end]])
    local past <close> = open()
    local forward = {
      "1; dozens nothing→0; last nothing→{ by = 10 }; odd nothing→true; total nothing→10",
      "2", "3; dozens 0→1; last.by 10→3; total 10→13",
    }
    assert.same(forward, listed(past, "Counter", "a"))
    assert.same({ "3; total 10→13", "1; total nothing→10" },
      listed(past, "Counter", "a", { field = "total", backward = true }))
    assert.same({ "1; total nothing→10", "3; total 10→13" },
      listed(past, "kept", "a", { field = "total" }))
  end)

  it("is that of a branch on a branch, whatever was kept of its past", function()
    bump(9)
    local past <close> = open { checkpoint_spacing = 2 }
    local branch <close> = assert(past:branch())
    assert(branch:edit(2, { by = 100 }))
    assert(branch:dispatch("Bump", { id = "a", by = 7 }))
    for _, name in ipairs { "Counter", "kept", "demanded" } do
      local forward = listed(branch, name, "a", { field = "total" })
      assert.equal("2; total 1→101", forward[2])
      assert.matches("^13; total %d+→%d+$", forward[#forward])
      assert.same(reversed(forward),
        listed(branch, name, "a", { field = "total", backward = true }))
      assert.equal("2; total 1→3", listed(past, name, "a", { field = "total" })[2])
    end
  end)

  it("names what it does not know", function()
    bump(3)
    local past <close> = open()
    assert.error_matches(function() past:changes("Conter", "a") end,
      "no aggregate, projection or saga 'Conter'; did you mean 'Counter'?", 1, true)
    assert.error_matches(function() past:changes("Counter", "a", { field = "a[" }) end,
      '"a%[" is no field')
    assert.error_matches(function() past:changes("rows", "a") end, "keeps rows, and no documents")
    assert.error_matches(function() past:changes("Counter", true) end, "the id must be a text")
  end)

  it("asks whether to go on", function()
    bump(300)
    local wanted, asked = true, 0
    local opened = assert(history.open(path, {
      store = url,
      go_on = function()
        asked = asked + 1
        return wanted
      end,
    }))
    local past <close> = assert(opened:log())
    asked, wanted = 0, false
    assert.error_matches(function() listed(past, "Counter", "a") end, "unavailable: stopped at")
    wanted = true
    assert.equal(306, #listed(past, "Counter", "a"))
    assert.is_true(asked >= 3)
    opened:close()
  end)

  it("is told up to an event that cannot be folded", function()
    bump(10)
    write((plain:gsub("state%.total, state%.last%.by =", [[
      if state.total > 6 then error "no more" end
      %0]])))
    local past <close> = open()
    local seen = 0
    assert.error_matches(function()
      for _ in past:changes("Counter", "a") do seen = seen + 1 end
    end, "no more")
    assert.equal(4, seen)
  end)
end)
