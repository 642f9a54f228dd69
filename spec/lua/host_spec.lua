-- The runtime, as a host's Lua has it.

local neap = require "neap"
local domains = require "spec.lua.domains"

local shop = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { order_id = "string", total = "integer" }
local Shipped = shop:event "Shipped" { order_id = "string" }
shop:command "Place" { order_id = "string", total = "integer" }
shop:command "Ship" { order_id = "string" }
shop:aggregate "Order" {
  key = "order_id",
  initial = { status = "new" },
  commands = {
    Place = function(order, c)
      if order.status ~= "new" then return neap.reject("already", "placed", { by = "x" }) end
      return Placed { order_id = c.order_id, total = c.total }
    end,
    Ship = function(order, c)
      if order.status == "placed" then return Shipped { order_id = c.order_id } end
    end,
  },
  events = {
    Placed = function(order, e) order.status = "placed" order.total = e.total end,
    Shipped = function(order) order.status = "shipped" end,
  },
}
shop:answer(shop:query "Get" { order_id = "string" }, function(q, context)
  return context:state("Order", q.order_id)
end)
return shop
]]

local function open(options)
  return assert(domains.open(shop, options))
end

local function raised(body, ...)
  local ok, why = pcall(body, ...)
  assert.is_false(ok)
  return (tostring(why):gsub("^.*spec%.lua:%d+: ", "HERE: "))
end

describe("runtime:dispatch", function()
  it("gives a receipt", function()
    local runtime <close> = open()
    local receipt = assert(runtime:dispatch("Place", { order_id = "o-1", total = 3 }))
    assert.equal(36, #receipt.command_id)
    receipt.command_id = nil
    assert.same({ stream = "Order-o-1", version = 1, position = 1, events = { "Placed" },
      repeated = false }, receipt)
  end)

  it("takes JSON as well as a table", function()
    local runtime <close> = open()
    assert.equal(1, assert(runtime:dispatch("Place", '{"order_id":"o-1","total":3}')).version)
    local _, err = runtime:dispatch("Place", '{"order_id":')
    assert.equal("invalid", err.code)
    assert.is_number(err.line)
  end)

  it("gives nil and an error for what can go wrong", function()
    local runtime <close> = open()
    assert(runtime:dispatch("Place", { order_id = "o-1", total = 3 }))
    local receipt, err = runtime:dispatch("Place", { order_id = "o-1", total = 3 })
    assert.is_nil(receipt)
    assert.same({ "rejected", "already", "placed", { by = "x" } },
      { err.status, err.code, err.message, err.details })
    receipt, err = runtime:dispatch("Plce", {})
    assert.is_nil(receipt)
    assert.equal("unknown: there is no command 'Plce'; did you mean 'Place'?", tostring(err))
    receipt, err = runtime:dispatch("Place", { order_id = "o-1", total = "x" })
    assert.is_nil(receipt)
    assert.same({ "invalid", "total" }, { err.code, err.path })
    receipt, err = runtime:dispatch("Place", { order_id = "o-1", total = print })
    assert.is_nil(receipt)
    assert.same({ "invalid", "total" }, { err.code, err.path })
  end)

  it("keeps meta, correlation and causation with the events", function()
    local runtime <close> = open()
    local id = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert(runtime:dispatch("Place", { order_id = "o-1", total = 3 },
      { meta = { user = "ada" }, correlation_id = id, causation_id = id }))
    for event in runtime:events {} do
      assert.same({ user = "ada" }, event.meta)
      assert.equal(id, event.correlation_id)
    end
    local _, err = runtime:dispatch("Place", { order_id = "o-2", total = 3 },
      { meta = { n = print } })
    assert.equal("invalid", err.code)
  end)

  it("takes effect once for an idempotency key", function()
    local runtime <close> = open()
    local first = assert(runtime:dispatch("Place", { order_id = "o-1", total = 3 },
      { idempotency_key = "k" }))
    local second = assert(runtime:dispatch("Place", { order_id = "o-1", total = 3 },
      { idempotency_key = "k" }))
    assert.is_true(second.repeated)
    assert.equal(first.position, second.position)
    local _, err = runtime:dispatch("Ship", { order_id = "o-1" }, { idempotency_key = "k" })
    assert.equal("duplicate", err.code)
  end)

  local misuses = {
    ["a name that is no text"] = { { 3 },
      "HERE: runtime:dispatch needs the name of a command as a text, but got a number" },
    ["fields that are no table"] = { { "Place", 3 },
      "HERE: runtime:dispatch needs the fields as a table, or as JSON, but got a number" },
    ["an unknown option"] = { { "Place", {}, { idempotencykey = "k" } },
      "HERE: runtime:dispatch knows no option 'idempotencykey'; did you mean 'idempotency_key'?" },
    ["an option of a wrong type"] = { { "Place", {}, { timeout = "soon" } },
      "HERE: runtime:dispatch: 'timeout' must be a number of seconds above 0, but is a string" },
    ["a list of names that is none"] = { { "Place", {}, { wait_for = 3 } },
      "HERE: runtime:dispatch: 'wait_for' must be a list of names, but is a number" },
  }
  for name, case in pairs(misuses) do
    it("raises for " .. name .. ", at the caller's line", function()
      local runtime <close> = open()
      assert.equal(case[2], raised(function() return runtime:dispatch(table.unpack(case[1])) end))
    end)
  end
end)

describe("runtime:send", function()
  it("does not wait; pending:wait does, and again", function()
    local runtime <close> = open()
    local pending = assert(runtime:send("Place", { order_id = "o-1", total = 3 }))
    local receipt = assert(pending:wait())
    assert.equal("Order-o-1", receipt.stream)
    assert.is_true(pending:done())
    assert.same(receipt, pending:wait(0))
  end)

  it("gives a rejection to who waits", function()
    local runtime <close> = open()
    local first = runtime:send("Place", { order_id = "o-1", total = 3 })
    local second = runtime:send("Place", { order_id = "o-1", total = 3 })
    assert(first:wait())
    local receipt, err = second:wait(20)
    assert.is_nil(receipt)
    assert.equal("already", err.code)
    local _, again = second:wait()
    assert.equal("already", again.code)
  end)

  it("may be forgotten", function()
    local runtime <close> = open()
    for i = 1, 50 do
      runtime:send("Place", { order_id = "o-" .. i, total = 3 })
    end
    collectgarbage()
    assert(runtime:drain(20))
    local count = 0
    for _ in runtime:events { types = "Placed" } do count = count + 1 end
    assert.equal(50, count)
  end)

  it("outlives the runtime", function()
    local runtime = open()
    local pending = runtime:send("Place", { order_id = "o-1", total = 3 })
    runtime:close()
    local receipt, err = pending:wait(20)
    assert.is_truthy(receipt or err.code == "closed")
  end)
end)

describe("runtime:query and runtime:state", function()
  it("read folded states", function()
    local runtime <close> = open()
    local receipt = assert(runtime:dispatch("Place", { order_id = "o-1", total = 3 }))
    assert.same({ status = "placed", total = 3 },
      runtime:query("Get", { order_id = "o-1" }, { after = receipt, timeout = 20 }))
    assert.equal(neap.null, runtime:query("Get", { order_id = "o-2" }))
    assert(runtime:dispatch("Ship", { order_id = "o-1" }))
    assert.equal("shipped", runtime:state("Order", "o-1").status)
    assert.equal("placed", runtime:state("Order", "o-1", 1).status)
    local _, err = runtime:state("Order", "o-1", 9)
    assert.equal("unknown", err.code)
    _, err = runtime:state("Oder", "o-1")
    assert.equal("unknown: there is no aggregate 'Oder'; did you mean 'Order'?", tostring(err))
    assert.equal("HERE: runtime:state: the version must be an integer from 1",
      raised(function() runtime:state("Order", "o-1", 0) end))
  end)
end)

describe("runtime:events", function()
  local function types(runtime, filter)
    local found = {}
    for event in runtime:events(filter) do
      found[#found + 1] = event.type .. event.position
    end
    return table.concat(found, " ")
  end

  local function filled()
    local runtime = open()
    assert(runtime:dispatch("Place", { order_id = "o-1", total = 3 }))
    assert(runtime:dispatch("Place", { order_id = "o-2", total = 3 }))
    assert(runtime:dispatch("Ship", { order_id = "o-1" }))
    return runtime
  end

  it("filters", function()
    local runtime <close> = filled()
    assert.equal("Placed1 Placed2 Shipped3", types(runtime))
    assert.equal("Placed1 Shipped3", types(runtime, { stream = "Order-o-1" }))
    assert.equal("Shipped3", types(runtime, { stream = "Order-o-1", from = 2 }))
    assert.equal("Shipped3 Placed2", types(runtime, { backward = true, limit = 2 }))
    assert.equal("Placed1 Placed2", types(runtime, { category = "Order", types = { "Placed" } }))
    assert.equal("", types(runtime, { stream = "Order-o-9" }))
  end)

  it("may be left early, and is over when the runtime is closed", function()
    local runtime = filled()
    local function first()
      for event in runtime:events() do
        if event then return event end
      end
    end
    assert.equal(1, first().position)
    local iterator = runtime:events()
    assert.equal("Placed", iterator().type)
    runtime:close()
    assert.equal("HERE: runtime:events: the runtime was closed meanwhile",
      raised(function() return iterator() end))
  end)

  it("raises for a wrong filter", function()
    local runtime <close> = open()
    assert.equal("HERE: runtime:events knows no option 'steam'; did you mean 'stream'?",
      raised(function() runtime:events { steam = "x" } end))
    assert.equal("HERE: runtime:events: 'types' must be a list of texts",
      raised(function() runtime:events { types = { 3 } } end))
    assert.equal("HERE: runtime:events: 'from' must be an integer from 0, but is a number",
      raised(function() runtime:events { from = -1 } end))
  end)
end)

describe("a runtime", function()
  it("is closed once, and then says so", function()
    local runtime = open()
    runtime:close()
    runtime:close()
    assert.equal("HERE: runtime:dispatch: the runtime is closed",
      raised(function() runtime:dispatch("Place", {}) end))
  end)

  it("is closed when nobody holds it", function()
    local runtime = open()
    runtime:send("Place", { order_id = "o-1", total = 3 })
    runtime = nil
    assert.is_nil(runtime)
    collectgarbage()
    collectgarbage()
  end)

  it("says what it does not know, and what this version does not have", function()
    local runtime <close> = open()
    assert.equal("HERE: a runtime has no 'dispach'; did you mean 'dispatch'?",
      raised(function() runtime:dispach() end))
    assert.equal("HERE: call it as runtime:dispatch(…), with a colon",
      raised(function() runtime.dispatch("Place") end))
  end)

  it("keeps what was acknowledged in a file", function()
    local path = os.tmpname()
    os.remove(path)
    do
      local runtime <close> = open { store = "sqlite:" .. path }
      assert(runtime:dispatch("Place", { order_id = "o-1", total = 3 }))
    end
    local runtime <close> = open { store = "sqlite:" .. path, read_only = true }
    assert.equal("placed", runtime:state("Order", "o-1").status)
    os.execute(("rm -f '%s' '%s'-*"):format(path, path))
  end)
end)

describe("runtime:stats", function()
  it("counts what is in the store", function()
    local runtime <close> = open()
    assert(runtime:dispatch("Place", { order_id = "o-1", total = 3 }))
    assert(runtime:dispatch("Place", { order_id = "o-2", total = 3 }, { idempotency_key = "k" }))
    local stats = assert(runtime:stats())
    assert.same({ 2, 2, 2, 1, 0, 0, 2 }, {
      stats.events, stats.streams, stats.commands, stats.keys, stats.snapshots, stats.store_bytes,
      stats.last_hour,
    })
    assert.same({ {
      type = "Placed", schema = 1, events = 2, first = 1, last = 2, data_bytes = stats.data_bytes,
    } }, stats.types)
    assert.same({ { category = "Order", streams = 2, events = 2 } }, stats.categories)
    assert.same({ stream = "Order-o-1", events = 1, last = 1 }, stats.longest_streams[1])
    assert.equal("integer", math.type(stats.first_at))
    assert.is_true(stats.first_at <= stats.last_at and stats.last_at <= stats.taken_at)
  end)

  it("has no times where there are no events", function()
    local runtime <close> = open()
    local stats = assert(runtime:stats())
    assert.same({ 0, 0, {}, {}, {} }, {
      stats.events, stats.per_second, stats.types, stats.categories, stats.longest_streams,
    })
    assert.is_nil(stats.first_at)
    assert.is_nil(stats.last_at)
  end)
end)

describe("neap.open", function()
  it("gives nil and an error for what can go wrong", function()
    local runtime, err = neap.open "/nowhere/shop.lua"
    assert.is_nil(runtime)
    assert.equal("usage", err.code)
    runtime, err = domains.open(shop, { store = "nowhere:" })
    assert.is_nil(runtime)
    assert.equal("usage", err.code)
  end)

  it("raises for misuse, at the caller's line", function()
    assert.equal("HERE: neap.open needs the path of a domain's file, or a domain, but got a table",
      raised(function() neap.open {} end))
    assert.equal("HERE: neap.open knows no option 'stor'; did you mean 'store'?",
      raised(function() neap.open("x", { stor = "memory:" }) end))
    assert.equal("HERE: neap.open: 'lanes' must be an integer from 0, but is a string",
      raised(function() neap.open("x", { lanes = "2" }) end))
    assert.equal("HERE: neap.open: 'log' must be \"stderr\" or a function, but is a boolean",
      raised(function() neap.open("x", { log = true }) end))
    assert.equal("HERE: neap.open: 'log_level' must be \"debug\", \"info\", \"warn\" or \"error\", "
      .. "but is loud", raised(function() neap.open("x", { log_level = "loud" }) end))
  end)
end)
