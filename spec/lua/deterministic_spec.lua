-- Whether a log always comes to the same: what does not is found, or cannot be.

local neap = require "neap"
local history = require "neap.history"
local domains = require "spec.lua.domains"

-- The named places hold what would not come to the same.
local template = [[
local neap = require "neap"
local spec = neap.domain "spec"
local Added = spec:event "Added" { id = "string", items = { "string" }, note = "string?" }
spec:command "Add" { id = "string", items = { "string" } }
local Tell = spec:command "Tell" { id = "string", text = "string" }
spec:handle(Tell, function() end)
local outside = 0
local function first_of(items)
  local set = {}
  for _, item in ipairs(items) do set[item] = true end
  OUTSIDE
end
spec:aggregate "Basket" {
  key = "id", initial = { count = 0 },
  commands = { Add = function(state, c, context)
    local note
    DECISION
    return Added { id = c.id, items = c.items, note = note }
  end },
  events = { Added = function(state, e)
    state.count = state.count + #e.items
    STATE
  end },
}
spec:projection "baskets" {
  key = "id",
  events = { Added = function(doc, e)
    doc.count = (doc.count or 0) + #e.items
    DOCUMENT
  end },
}
spec:saga "watcher" {
  key = "id", initial = { seen = 0 }, starts = { "Added" },
  events = { Added = function(saga, e, context)
    saga.seen = saga.seen + 1
    SAGA
  end },
}
return spec
]]

local function domain_with(places)
  return (template:gsub("%u%u%u%u+", function(name) return places[name] or "" end))
end

local by_pairs = "for item in pairs(set) do return item end"

describe("deterministic()", function()
  local folder, path, url

  before_each(function()
    folder = domains.write { ["spec.lua"] = domain_with {} }
    path, url = folder .. "/spec.lua", "sqlite:" .. folder .. "/spec.db?synchronous=normal"
  end)

  after_each(function() domains.remove(folder) end)

  local function write(places)
    local file <close> = assert(io.open(path, "wb"))
    assert(file:write(domain_with(places)))
  end

  local function fill(count)
    local runtime <close> = assert(neap.open(path, { store = url, subscriptions = "" }))
    for i = 1, count or 3 do
      assert(runtime:dispatch("Add", { id = "b-" .. i % 2, items = { "pen", "ink" } }))
    end
  end

  local function report_of(places, options)
    write(places)
    local opened = assert(history.open(path, { store = url }))
    local report = assert(opened:deterministic(options))
    opened:close()
    return report
  end

  local function line_of(text)
    local number = 0
    for line in io.lines(path) do
      number = number + 1
      if line:find(text, 1, true) then return "spec.lua:" .. number end
    end
  end

  it("has nothing to say of a domain that always comes to the same", function()
    fill(5)
    local report = report_of {
      OUTSIDE = "for item in neap.sorted(set) do return item end",
      STATE = "state.first = first_of(e.items); for k in pairs(e) do state[k] = true end",
      DOCUMENT = "doc.first = first_of(e.items)",
      SAGA = "saga.first = first_of(e.items); context:send(Tell { id = e.id, text = saga.first })",
    }
    assert.is_true(report.same)
    assert.is_nil(report.first)
    assert.equal(5, report.decisions.compared)
    assert.same({ { "Basket", 2 }, { "baskets", 2 }, { "watcher", 2 } }, {
      { report.states[1].name, report.states[1].compared },
      { report.states[2].name, report.states[2].compared },
      { report.states[3].name, report.states[3].compared },
    })
  end)

  local planted = {
    ["the order of pairs"] = { "first_of(e.items)", by_pairs },
    ["the order of next"] = { "first_of(e.items)", "return (next(set))" },
    ["the address of a table"] = { "tostring {}", "" },
    ["an address in string.format"] = { "('%p'):format({})", "" },
    ["what is kept outside of states"] = { "(function() outside = outside + 1; return "
      .. "tostring(outside) end)()", "" },
    ["how much memory is in use"] = { "tostring(collectgarbage 'count')", "" },
  }
  for what, it_is in pairs(planted) do
    it("finds " .. what, function()
      fill()
      local value, outside = it_is[1], it_is[2]
      for place, how in pairs {
        STATE = { "state.first = " .. value, "Basket", "Added = function(state, e)" },
        DOCUMENT = { "doc.first = " .. value, "baskets", "Added = function(doc, e)" },
        SAGA = { "saga.first = " .. value, "watcher", "Added = function(saga, e, context)" },
      } do
        local report = report_of { [place] = how[1], OUTSIDE = outside }
        assert.is_false(report.same, place)
        local first = report.first
        assert.equal(how[2], first.name)
        assert.same({ 1, "b-1", "Added" }, { first.position, first.key, first.type })
        assert.matches(line_of(how[3]) .. "$", first.handler)
        assert.matches("first$", first.changes[1].path)
        assert.not_equal(first.changes[1].old, first.changes[1].new)
      end
      local report = report_of {
        DECISION = "local e = c; note = " .. value, OUTSIDE = outside,
      }
      assert.same({ 3, 3 }, { report.decisions.compared, report.decisions.differing })
      local decision = report.decisions.first[1]
      assert.same({ "Add", 1 }, { decision.command, decision.position })
      assert.matches(line_of "Add = function(state, c, context)" .. "$", decision.handler)
      assert.not_equal(decision.before.events[1].data.note, decision.after.events[1].data.note)
    end)
  end

  it("finds what a saga sends otherwise", function()
    fill()
    local report = report_of {
      SAGA = "context:send(Tell { id = e.id, text = first_of(e.items) })", OUTSIDE = by_pairs,
    }
    assert.equal("watcher", report.first.name)
    assert.equal("wanted[1].data.text", report.first.changes[1].path)
  end)

  it("need not look for clocks and chance, which pure code has not", function()
    write { DECISION = "note = tostring(os.time())" }
    local runtime <close> = assert(neap.open(path, { store = url, subscriptions = "" }))
    local receipt, err = runtime:dispatch("Add", { id = "b-1", items = { "pen" } })
    assert.is_nil(receipt)
    assert.matches("os.time cannot be used in an aggregate", err.message, 1, true)
    runtime:close()
    write {}
    fill()
    for _, value in ipairs { "os.time()", "os.clock()", "os.date()", "math.random()" } do
      local report = report_of { STATE = "state.first = " .. value }
      assert.is_true(report.same, value) -- it can be folded neither time
    end
  end)

  it("looks at a range, or at one aggregate", function()
    fill(6)
    local report = report_of({ STATE = "state.first = first_of(e.items)", OUTSIDE = by_pairs,
      DOCUMENT = "doc.first = first_of(e.items)" }, { aggregate = "Basket", from = 4, limit = 1 })
    assert.equal(1, #report.states)
    assert.same({ 2, 1, 4 }, { report.states[1].differing, #report.states[1].first,
      report.first.position })
    write {}
    local opened = assert(history.open(path, { store = url }))
    assert.error_matches(function() opened:deterministic { keep = true } end, "option 'keep'")
    local none, err = opened:deterministic { aggregate = "Bskt" }
    assert.same({ nil, "unknown" }, { none, err.code })
    opened:close()
  end)

  it("asks whether to go on", function()
    fill()
    local opened = assert(history.open(path, { store = url, go_on = function() return false end }))
    local report, err = opened:deterministic()
    assert.same({ nil, "unavailable" }, { report, err.code })
    opened:close()
  end)
end)
