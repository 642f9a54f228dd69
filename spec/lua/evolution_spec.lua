-- What earlier versions of a domain stored is read by later ones.

local domains = require "spec.lua.domains"
local neap = require "neap"

local function temporary_store()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local function remove_store(path)
  for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do
    os.remove(path .. ending)
  end
end

local function literal(value)
  if type(value) ~= "table" then return ("%q"):format(value) end
  local items = {}
  for key, item in pairs(value) do
    items[#items + 1] = ("[%q]=%s"):format(key, literal(item))
  end
  return "{" .. table.concat(items, ",") .. "}"
end

-- Stores events of one type and schema version, as a domain did that had it:
-- record(path, "Order-1", { "Placed", version = 2, tags = { "course" } }, { total = 1 }, …)
local function record(path, stream, event, ...)
  local fields, tags = {}, {}
  for _, tag in ipairs(event.tags or {}) do fields[tag], tags[#tags + 1] = "string?", tag end
  for _, data in ipairs { ... } do
    for key in pairs(data) do fields[key] = fields[key] or "any?" end
  end
  local runtime <close> = assert(domains.open(([[
    local neap = require "neap"
    local old = neap.domain "old"
    local Event = old:event(%q, { version = %d, tags = %s }) %s
    old:handle(old:command "Record" {}, function(_, context)
      for _, data in ipairs %s do context:publish(Event(data), { stream = %q }) end
    end)
    return old
  ]]):format(event[1], event.version or 1, literal(tags), literal(fields), literal { ... }, stream),
    { store = "sqlite:" .. path .. "?synchronous=normal" }))
  assert(runtime:dispatch "Record")
end

-- An aggregate whose state is the list of all that it folded. %s: definitions; and what else it
-- folds.
local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
%s
local Noted = shop:event("Noted", { tags = { "course" } })
  { order = "string", course = "string?", text = "string" }
local function note(type)
  return function(state, event, about)
    state.seen[#state.seen + 1] = { type, event, about }
  end
end
local folds = { Noted = note "Noted" }
for name in ("%s"):gmatch "%%w+" do folds[name] = note(name) end
local decide = {
  Note = function(state, command)
    return Noted { order = command.order, course = command.course, text = "after " .. #state.seen }
  end,
}
shop:command "Note" { order = "string", course = "%s" }
shop:aggregate "Order" {
  %s, initial = function() return { seen = neap.array {} } end,
  commands = decide, events = folds, snapshot = %s,
}
shop:answer(shop:query "Ask" { order = "string" }, function(query, context)
  return context:state("Order", query.order)
end)
return shop
]]

describe("stored events", function()
  local path

  before_each(function() path = temporary_store() end)
  after_each(function() remove_store(path) end)

  local function open(definitions, folded, options)
    options = options or {}
    return assert(domains.open(template:format(definitions, folded or "Placed",
      options.tags and "string" or "string?",
      options.tags and 'tags = { "course" }' or 'key = "order"', options.snapshot or "nil"),
      { store = "sqlite:" .. path .. "?synchronous=normal", handler_instructions = 100000 }))
  end

  -- What Order-1 folded, or nil and the error.
  local function seen(definitions, folded)
    local runtime <close> = open(definitions, folded)
    local state, err = runtime:state("Order", "1")
    if not state then return nil, (err.message:gsub("/[^ ]*/domain.lua", "domain.lua")), err end
    return state.seen
  end

  local function check(definitions, folded)
    local runtime <close> = open(definitions, folded)
    local result = assert(runtime:check_store())
    for _, finding in ipairs(result.findings) do
      finding.message = finding.message:gsub("/[^ ]*/domain.lua", "domain.lua")
    end
    return result
  end

  local three = [[
    local Placed = shop:event "Placed" { order = "string", client = "string", cents = "integer" }
    Placed:upcast(function(data)
      data.client, data.customer = data.customer, nil
      return data
    end)
    Placed:upcast(function(data)
      return { order = data.order, client = data.client, cents = data.total * 100 }
    end)
  ]]

  it("go through the steps from their schema version to today's", function()
    record(path, "Order-1", { "Placed" }, { order = "1", customer = "ada", total = 1 })
    record(path, "Order-1", { "Placed", version = 2 }, { order = "1", client = "bob", total = 2 })
    record(path, "Order-1", { "Placed", version = 3 }, { order = "1", client = "cyd", cents = 3 })
    assert.same({
      { "Placed", { order = "1", client = "ada", cents = 100 } },
      { "Placed", { order = "1", client = "bob", cents = 200 } },
      { "Placed", { order = "1", client = "cyd", cents = 3 } },
    }, seen(three))
  end)

  it("are continued with events of today's schema version", function()
    record(path, "Order-1", { "Placed" }, { order = "1", customer = "ada", total = 1 })
    local runtime <close> = open([[
      local Noted = shop:event "Placed" { order = "string" }
      Noted:upcast(function(data) return { order = data.order } end)
      shop:handle(shop:command "Again" {}, function(_, context)
        context:publish(Noted { order = "1" }, { stream = "Order-1", expected = 2 })
      end)]])
    local receipt = assert(runtime:dispatch("Note", { order = "1" }))
    assert.equal(2, receipt.version)
    assert(runtime:dispatch "Again")
    local schemas = {}
    for event in runtime:events {} do schemas[#schemas + 1] = event.type .. event.schema end
    assert.same({ "Placed1", "Noted1", "Placed2" }, schemas)
    assert.equal(3, #runtime:state("Order", "1").seen)
  end)

  it("have a schema version that an option may say", function()
    record(path, "Order-1", { "Placed", version = 6 }, { order = "1" })
    record(path, "Order-1", { "Placed", version = 7 }, { order = "1" })
    local seven = [[
      local Placed = shop:event("Placed", { version = 7 }) { order = "string", step = "integer?" }
      Placed:upcast(function(data) data.step = (data.step or 5) + 1; return data end)
    ]]
    assert.same({ { "Placed", { order = "1", step = 6 } }, { "Placed", { order = "1" } } },
      seen(seven))
    record(path, "Order-1", { "Placed", version = 5 }, { order = "1" })
    local state, message, err = seen(seven)
    assert.is_nil(state)
    assert.equal("corrupt", err.code)
    assert.equal("load Order-1: the stored event 'Placed', schema version 5, at position 3 "
      .. "(Order-1, 3): the domain reads the schema versions 6 to 7", message)
  end)

  it("of a later version of the domain are refused", function()
    record(path, "Order-1", { "Placed", version = 2 }, { order = "1" })
    local state, message, err = seen 'shop:event "Placed" { order = "string" }'
    assert.is_nil(state)
    assert.equal("corrupt", err.code)
    assert.equal("load Order-1: the stored event 'Placed', schema version 2, at position 1 "
      .. "(Order-1, 1): the domain reads schema version 1", message)
  end)

  it("of a type that nobody defines are refused", function()
    record(path, "Order-1", { "Plced" }, { order = "1" })
    local state, message, err = seen 'shop:event "Placed" { order = "string" }'
    assert.is_nil(state)
    assert.equal("corrupt", err.code)
    assert.equal("load Order-1: the stored event 'Plced', schema version 1, at position 1 "
      .. "(Order-1, 1): the domain has no such event; did you mean 'Placed'?", message)
  end)

  it("are read under the names that they had", function()
    record(path, "Order-1", { "Created" }, { order = "1" })
    record(path, "Order-1", { "Made", version = 2 }, { order = "1", two = true })
    record(path, "Order-1", { "Placed", version = 2 }, { order = "1", three = true })
    assert.same({
      { "Placed", { order = "1", up = true } }, { "Placed", { order = "1", two = true } },
      { "Placed", { order = "1", three = true } },
    }, seen [[
      shop:event("Placed", { formerly = { "Created", "Made" } }) { order = "string" }
        :upcast(function(data) data.up = true; return data end)]])
    record(path, "Order-1", { "Made", version = 3 }, { order = "1" })
    assert.truthy(select(2, seen [[
      shop:event("Placed", { formerly = { "Created", "Made" } }) { order = "string" }
        :upcast(function(data) return data end)]])
      :find("'Made', schema version 3.*the domain reads the schema versions 1 to 2"))
  end)

  it("of a retired type are passed over", function()
    record(path, "Order-1", { "Opened" }, { order = "1" })
    record(path, "Order-1", { "Placed" }, { order = "1" })
    assert.same({ { "Placed", { order = "1" } } },
      seen 'shop:retired "Opened"; shop:event "Placed" { order = "string" }')
  end)

  it("of a retired type become what its function gives", function()
    record(path, "Order-1", { "Changed", version = 4 }, { order = "1", total = 5 },
      { order = "1", total = 0 })
    assert.same({ { "Priced", { order = "1", total = 5, schema = 4 } } }, seen([[
      local Priced = shop:event "Priced"
        { order = "string", total = "integer", schema = "integer" }
      shop:retired("Changed", function(data, schema)
        if data.total == 0 then return neap.drop end
        return Priced { order = data.order, total = data.total, schema = schema }
      end)
    ]], "Priced"))
  end)

  for how, results in pairs {
    ["as several results"] =
      "Placed { order = data.order }, nil, Priced { order = '2', total = 7 }",
    ["as a list"] = "{ Placed { order = data.order }, Priced { order = '2', total = 7 } }",
  } do
    it("become several, given " .. how, function()
      record(path, "Order-1", { "Placed" }, { order = "1", total = 7 })
      local several = ([[
        local Placed = shop:event "Placed" { order = "string" }
        local Priced = shop:event "Priced" { order = "string", total = "integer" }
        Placed:upcast(function(data) return %s end)
        Placed:upcast(function() error "what a constructor gave is of today" end)
      ]]):format(results)
      assert.same({ { "Placed", { order = "1" } }, { "Priced", { order = "2", total = 7 } } },
        seen(several, "Placed Priced"))
      assert.same({ { "Priced", { order = "2", total = 7 } } }, seen(several, "Priced"))
      local runtime <close> = open(several, "Placed Priced")
      assert.equal(2, assert(runtime:dispatch("Note", { order = "1" })).version)
      assert.equal("after 2", runtime:state("Order", "1").seen[3][2].text)
      assert.equal(2, #runtime:state("Order", "1", 1).seen)
    end)
  end

  it("become none", function()
    record(path, "Order-1", { "Placed" }, { order = "1" }, { order = "1", keep = true })
    local some = [[
      shop:event "Placed" { order = "string" }
        :upcast(function(data) return data.keep and { order = "1" } or neap.drop end)]]
    assert.same({ { "Placed", { order = "1" } } }, seen(some))
    local runtime <close> = open(some)
    assert.equal(3, assert(runtime:dispatch("Note", { order = "1" })).version)
  end)

  it("are given to each fold as tables of its own", function()
    record(path, "Order-1", { "Placed" }, { order = "1" }, { order = "1" })
    local runtime <close> = assert(domains.open([[
      local neap = require "neap"
      local shop = neap.domain "shop"
      local lines, kept = { { count = 1 } }, nil
      local Placed = shop:event "Placed" { order = "string", lines = "table?" }
      Placed:upcast(function(data)
        if kept then kept.order = "changed" end
        kept = data
        data.lines = lines
        return data
      end)
      shop:aggregate "Order" {
        key = "order", commands = {}, initial = {},
        events = {
          Placed = function(state, event)
            assert(getmetatable(event) == nil and event.lines[1].count == 1)
            event.lines[1].count = 2
            state[#state + 1] = event
          end,
        },
      }
      return shop
    ]], { store = "sqlite:" .. path .. "?synchronous=normal" }))
    local placed = { order = "1", lines = { { count = 2 } } }
    assert.same({ placed, placed }, assert(runtime:state("Order", "1")))
  end)

  describe("whose upcaster", function()
    local function failure(body)
      record(path, "Order-1", { "Placed" }, { order = "1" })
      local state, message, err = seen(([[
local Placed = shop:event "Placed" { order = "string" }
local Listen = shop:event("Listen", { transient = true }) {}
local Do = shop:command "Do" {}
shop:handle(Do, function() end)
local captured
Placed:upcast(function(data)
  %s
end)]]):format(body))
      assert.is_nil(state)
      assert.equal("handler", err.code)
      local prefix = "load Order-1: the stored event 'Placed', schema version 1, at position 1 "
        .. "(Order-1, 1): "
      assert.equal(prefix, message:sub(1, #prefix))
      return message:sub(#prefix + 1), err
    end

    it("raises are named, with its lines", function()
      local message, err = failure "error('no total')"
      assert.equal("domain.lua:9: no total", message)
      assert.truthy(err.traceback:find "domain.lua:9: in")
    end)

    for what, body in pairs {
      ["os.time"] = "os.time()", ["os.date"] = "os.date()", ["math.random"] = "math.random()",
      ["io.open"] = "io.open('x')",
    } do
      it("uses " .. what .. " are refused", function()
        assert.equal(("domain.lua:9: %s cannot be used in an upcaster, which gives the same "
          .. "whenever it runs; all that it has is the event"):format(what), (failure(body)))
      end)
    end

    for body, what in pairs {
      ["data.order = nil"] = "nothing",
      ["return nil"] = "nothing",
      ["return 5"] = "a number",
      ["return Do {}"] = "a table that is no event",
      ["return Listen {}"] = "a table that is no event",
      ["return Placed { order = '1' }, {}"] = "a table that is no event",
      ["return neap.drop, Placed { order = '1' }"] = "a userdata",
      ["return { Placed { order = '1' }, 5 }"] = "a number",
    } do
      it("does '" .. body .. "' are refused", function()
        assert.equal(("domain.lua:8: the upcaster gave %s; it gives the data, events, or neap.drop")
          :format(what), (failure(body)))
      end)
    end

    it("gives what JSON cannot say are refused, with the path", function()
      assert.equal("what the upcaster gave: list[1]: JSON has no NaN",
        (failure "data.list = { 0/0 }; return data"))
    end)

    it("does not end are stopped", function()
      record(path, "Order-1", { "Placed" }, { order = "1" })
      local state, _, err = seen [[shop:event "Placed" { order = "string" }
        :upcast(function() while true do end end)]]
      assert.is_nil(state)
      assert.equal("limit", err.code)
    end)
  end)

  it("are upcast for a handler that asks for the state, without its context", function()
    record(path, "Order-1", { "Placed" }, { order = "1" })
    local runtime <close> = assert(domains.open([[
      local neap = require "neap"
      local shop = neap.domain "shop"
      local captured
      shop:event "Placed" { order = "string" }
        :upcast(function(data)
          data.asked = select(2, pcall(captured.now, captured))
          return data
        end)
      shop:aggregate "Order" {
        key = "order", commands = {}, events = { Placed = function(_, event) return event end },
      }
      shop:answer(shop:query "Ask" {}, function(_, context)
        captured = context
        return context:state("Order", "1")
      end)
      return shop
    ]], { store = "sqlite:" .. path .. "?synchronous=normal" }))
    assert.truthy(assert(runtime:query "Ask").asked:find "the handler .* does not run now")
  end)

  describe("of an aggregate by tags", function()
    local renamed = [[
      local Placed = shop:event("Placed", { formerly = "Created", tags = { "course" } })
        { course = "string?", text = "string" }
      Placed:upcast(function(data) data.text = "up " .. data.text; return data end)
      local Moved = shop:event("Moved", { tags = { "course" } }) { course = "string" }
      Moved:upcast(function(data) return Placed { course = "elsewhere", text = "moved" } end)
      shop:retired("Joined", function(data)
        return Placed { text = data.text }, Placed { course = data.course, text = "twice" }
      end)
      shop:retired "Opened"
    ]]

    before_each(function()
      local tags = { "course" }
      record(path, "A-1", { "Created", tags = tags }, { course = "c", text = "one" })
      record(path, "A-1", { "Placed", tags = tags, version = 2 }, { course = "c", text = "two" },
        { course = "other", text = "not its own" })
      record(path, "A-2", { "Joined", tags = tags, version = 9 }, { course = "c", text = "three" })
      record(path, "A-2", { "Opened", tags = tags }, { course = "c" })
      record(path, "A-3", { "Moved", tags = tags }, { course = "c" })
      record(path, "A-3", { "Placed", version = 2 }, { course = "c", text = "has no tag" })
    end)

    it("are seen by the tags that they were stored with", function()
      local about = { course = "c" }
      local runtime <close> = open(renamed, "Placed", { tags = true })
      assert.same({
        { "Placed", { course = "c", text = "up one" }, about },
        { "Placed", { course = "c", text = "two" }, about },
        { "Placed", { text = "three" }, about },
        { "Placed", { course = "c", text = "twice" }, about },
        { "Placed", { course = "elsewhere", text = "moved" }, about },
      }, assert(runtime:state("Order", { course = "c" })).seen)
    end)

    it("are continued", function()
      local runtime <close> = open(renamed .. [[
        shop:handle(shop:command "Other" {}, function(_, context)
          context:publish(Placed { course = "c", text = "beside" }, { stream = "B-1" })
        end)]], "Placed", { tags = true, snapshot = "{ every = 2 }" })
      assert.equal(8, assert(runtime:dispatch("Note", { order = "1", course = "c" })).position)
      assert(runtime:dispatch "Other")
      assert(runtime:dispatch("Note", { order = "1", course = "c" }))
      local texts = {}
      for event in runtime:events { types = "Noted" } do texts[#texts + 1] = event.data.text end
      assert.same({ "after 5", "after 7" }, texts)
    end)
  end)

  describe("behind a snapshot", function()
    local function snapshot(version)
      local old <close> = open('shop:event "Placed" { order = "string" }', "Placed",
        { snapshot = ("{ every = 1, version = %s }"):format(version) })
      assert(old:dispatch("Note", { order = "1" }))
      assert(old:drain())
    end
    local changed = [[
      shop:event "Placed" { order = "string" }
        :upcast(function(data) data.up = true; return data end)]]

    it("are folded again when the domain's files changed", function()
      record(path, "Order-1", { "Placed" }, { order = "1" })
      snapshot "nil"
      assert.is_true(seen(changed)[1][2].up)
    end)

    it("are not when the snapshots' version is the same", function()
      record(path, "Order-1", { "Placed" }, { order = "1" })
      snapshot "7"
      local function up(version)
        local runtime <close> = open(changed, "Placed",
          { snapshot = ("{ every = 1, version = %d }"):format(version) })
        return runtime:state("Order", "1").seen[1][2].up
      end
      assert.is_nil(up(7))
      assert.is_true(up(8))
    end)
  end)

  describe("in a check of the store", function()
    it("are counted when they can be read", function()
      record(path, "Order-1", { "Created" }, { order = "1" })
      record(path, "Order-1", { "Placed" }, { order = "1" }, { order = "1", drop = true })
      record(path, "Order-1", { "Opened" }, { order = "1" })
      record(path, "Order-1", { "Placed", version = 2 }, { order = "1" })
      assert.same({
        events = 5, current = 1, upcast = 2, retired = 2, refused = 0, unreadable = 0,
        findings = {}, kept = {}, kept_broken = 0,
      }, check [[
        shop:event("Placed", { formerly = "Created" }) { order = "string" }
          :upcast(function(data) return data.drop and neap.drop or data end)
        shop:retired "Opened"]])
    end)

    it("are found when they cannot be read, and said why", function()
      record(path, "Order-1", { "Plced" }, { order = "1" }, { order = "1" })
      record(path, "Order-1", { "Placed" }, { order = "1", raise = true },
        { order = "1", gone = 1 })
      record(path, "Order-1", { "Placed", version = 2 }, { order = 1 }, { order = "1" })
      record(path, "Order-2", { "Placed", version = 3 }, { order = "1" })
      record(path, "Order-1", { "Plced" }, { order = "1" })
      record(path, "Order-2", { "Late", version = 2 }, { order = "1" })
      local result = check [[
local Placed = shop:event "Placed" { order = "string" }
Placed:upcast(function(data)
  if data.raise then error "raised" end
  return data
end)
shop:event("Late", { version = 3 }) {}]]
      assert.same({ 9, 1, 0, 0, 2, 6 }, { result.events, result.current, result.upcast,
        result.retired, result.refused, result.unreadable })
      assert.same({
        { type = "Late", schema = 2, reading = "older", readable = false, events = 1, first = 9,
          last = 9, message = "the domain reads schema version 3" },
        { type = "Placed", schema = 1, reading = "failed", readable = false, events = 1, first = 3,
          last = 3, message = "domain.lua:5: raised" },
        { type = "Placed", schema = 3, reading = "newer", readable = false, events = 1, first = 7,
          last = 7, message = "the domain reads the schema versions 1 to 2" },
        { type = "Plced", schema = 1, reading = "unknown", readable = false, events = 3, first = 1,
          last = 8, message = "the domain has no such event; did you mean 'Placed'?" },
        { type = "Placed", schema = 1, reading = "refused", readable = true, events = 1, first = 4,
          last = 4, message = "gone: unknown field" },
        { type = "Placed", schema = 2, reading = "refused", readable = true, events = 1, first = 5,
          last = 5, message = "order: expected string, got integer 1" },
      }, result.findings)
    end)

    it("are read all the same when today's schema would refuse them", function()
      record(path, "Order-1", { "Placed" }, { order = 1 })
      assert.same({ { "Placed", { order = 1 } } }, seen 'shop:event "Placed" { order = "string" }')
      assert.equal("refused",
        check('shop:event "Placed" { order = "string" }').findings[1].reading)
    end)

    it("are checked as what they become", function()
      record(path, "Order-1", { "Changed" }, { order = "1" })
      local finding = check([[
        shop:event("Placed", { formerly = "Changed" }) { order = "integer" }]]).findings[1]
      assert.equal("as 'Placed': order: expected integer, got string \"1\"", finding.message)
    end)

    it("run no handler and no fold", function()
      record(path, "Order-1", { "Placed" }, { order = "1" })
      local result = check('shop:event "Placed" {}', "Placed")
      assert.equal(1, result.refused)
    end)

    it("are none in an empty store", function()
      local runtime <close> = open("", "Noted")
      assert.same({
        events = 0, current = 0, upcast = 0, retired = 0, refused = 0, unreadable = 0,
        findings = {}, kept = {}, kept_broken = 0,
      }, assert(runtime:check_store()))
    end)
  end)
end)

describe("a domain that says how it reads old events", function()
  local function error_of(body)
    local runtime, err = domains.open([[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { order = "string" }
local Do = shop:command "Do" {}
shop:handle(Do, function() end)
]] .. body .. "\nreturn shop")
    assert.is_nil(runtime)
    assert.equal("handler", err.code)
    return err.message
  end

  for mistake, message in pairs {
    ["Placed.upcast(function() end)"] =
      "call it as Event:upcast(function(data) … end), with a colon",
    ["Placed:upcast(5)"] = "event 'Placed': what upcasts it must be a function, but is a number",
    ["Do:upcast(function() end)"] =
      "the command 'Do' is never stored: only stored events are upcast",
    ["shop:event('T', { transient = true }) {}:upcast(function() end)"] =
      "the transient event 'T' is never stored: only stored events are upcast",
    ["shop:event('V', { version = 2 }) {}:upcast(print):upcast(print)"] =
      "event 'V' has version 2: at most 1 upcasters lead there",
    ["shop:event('F', { formerly = 5 }) {}"] =
      "event 'F': 'formerly' must be a string or table, but is a number",
    ["shop:event('F', { formerly = { a = 'G' } }) {}"] =
      "event 'F': 'formerly' must be a name, or a list of names",
    ["shop:event('F', { formerly = { 'G', 'G' } }) {}"] =
      "event 'F': 'formerly' names 'G' twice",
    ["shop:event('F', { formerly = 'F' }) {}"] =
      "event 'F': 'formerly' has the name that it has today",
    ["shop:event('F', { formerly = 'A-b' }) {}"] =
      "event 'A-b': a name has no '-' and no control characters",
    ["shop:event('F', { formerly = 'Placed' }) {}"] =
      "event 'F' was formerly 'Placed', but 'Placed' is still defined as an event at domain.lua:3",
    ["shop:event('F', { formerly = 'X' }) {} shop:event('G', { formerly = 'X' }) {}"] =
      "event 'G' was formerly 'X', but event 'F' was formerly 'X' at domain.lua:6",
    ["shop:event('F', { formerly = 'X' }) {} shop:retired 'X'"] =
      "event 'X' is retired, but event 'F' was formerly 'X' at domain.lua:6",
    ["shop:retired 'Placed'"] =
      "event 'Placed' is retired, but 'Placed' is still defined as an event at domain.lua:3",
    ["shop:retired 'X' shop:retired 'X'"] =
      "event 'X' is retired, but event 'X' is retired at domain.lua:6",
    ["shop:retired('X', {})"] =
      "event 'X': what upcasts it must be a function, but is a table",
    ["shop:retired(5)"] = "the name of an event must be a text that is not empty",
    ["shop.retired('X')"] = "call it as domain:retired(…), with a colon",
  } do
    it("is refused for " .. mistake, function()
      assert.equal("domain.lua:6: " .. message, error_of(mistake))
    end)
  end

  it("is told what became of an event that it still folds", function()
    local aggregate = [[ shop:event("F", { formerly = "X" }) {} shop:retired "Y"
      shop:aggregate "A" { key = "order", commands = {}, events = { %s = function() end } }]]
    assert.equal("domain.lua:7: aggregate 'A' handles the event 'X', which is not defined; "
      .. "it is 'F' now", error_of(aggregate:format "X"))
    assert.equal("domain.lua:7: aggregate 'A' handles the event 'Y', which is not defined; "
      .. "it is retired", error_of(aggregate:format "Y"))
  end)

  it("cannot be told more once it is loaded", function()
    local _, err = domains.handle("Done:upcast(function(data) return data end)")
    assert.equal("domain.lua:6: event 'Done': this upcaster comes too late, the domain is loaded",
      err.message)
  end)

  it("says none by a value of its own", function()
    assert.equal("userdata", type(neap.drop))
    assert.not_equal(neap.null, neap.drop)
  end)
end)
