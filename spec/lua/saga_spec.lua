-- Sagas as they run: events, commands, rejections, compensation, stopping and going on.

local domains = require "spec.lua.domains"

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

-- %s: an option of the saga, then what is done when stock was reserved.
local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string", sku = "string", how = "string?" }
local Reserved = shop:event "Reserved" { id = "string", sku = "string" }
local Released = shop:event "Released" { id = "string", sku = "string" }
local Paid = shop:event "Paid" { id = "string" }
local Refunded = shop:event "Refunded" { id = "string" }
local Shipped = shop:event "Shipped" { id = "string" }
local Place = shop:command "Place" { id = "string", sku = "string", how = "string?" }
local Reserve = shop:command "Reserve" { id = "string", sku = "string" }
local Release = shop:command "Release" { id = "string", sku = "string" }
local Pay = shop:command "Pay" { id = "string", how = "string?" }
local Refund = shop:command "Refund" { id = "string" }
local Ship = shop:command "Ship" { id = "string", how = "string?" }

shop:aggregate "Order" {
  key = "id", initial = { shipped = 0 },
  commands = {
    Place = function(_, command)
      return Placed { id = command.id, sku = command.sku, how = command.how }
    end,
    Ship = function(order, command)
      if command.how == "no courier" then return neap.reject("none", "nobody drives there") end
      return Shipped { id = command.id }
    end,
  },
  events = {
    Placed = function() end,
    Shipped = function(order) order.shipped = order.shipped + 1 end,
  },
}
shop:aggregate "Stock" {
  key = "sku", initial = { reserved = 0 },
  commands = {
    Reserve = function(stock, command)
      return Reserved { id = command.id, sku = command.sku }
    end,
    Release = function(stock, command)
      if command.sku == "stuck" then return neap.reject("stuck", "it cannot be released") end
      return Released { id = command.id, sku = command.sku }
    end,
  },
  events = {
    Reserved = function(stock) stock.reserved = stock.reserved + 1 end,
    Released = function(stock) stock.reserved = stock.reserved - 1 end,
  },
}
shop:aggregate "Payment" {
  key = "id", initial = { paid = 0 },
  commands = {
    Pay = function(payment, command)
      if command.how == "declined" then return neap.reject("declined", "the card was declined") end
      return Paid { id = command.id }
    end,
    Refund = function(payment, command) return Refunded { id = command.id } end,
  },
  events = {
    Paid = function(payment) payment.paid = payment.paid + 1 end,
    Refunded = function(payment) payment.paid = payment.paid - 1 end,
  },
}

shop:saga "fulfilment" {
  key = "id", initial = { steps = {} }, starts = { "Placed" }, %s
  events = {
    Placed = function(saga, event, context)
      saga.how, saga.sku = event.how, event.sku
      context:send(Reserve { id = event.id, sku = event.sku })
      context:compensate(Release { id = event.id, sku = event.sku })
    end,
    Reserved = function(saga, event, context)
      saga.steps[#saga.steps + 1] = "reserved"
      %s
      context:send(Pay { id = event.id, how = saga.how })
      context:compensate(Refund { id = event.id })
    end,
    Paid = function(saga, event, context)
      saga.steps[#saga.steps + 1] = "paid"
      context:send(Ship { id = event.id, how = saga.how })
    end,
    Shipped = function(saga, event, context)
      saga.steps[#saga.steps + 1] = "shipped"
      context:complete()
    end,
  },
  rejections = {
    Pay = function(saga, rejection, context)
      saga.rejection = rejection
      context:fail(rejection.message)
    end,
  },
}
return shop
]]

local function open(options, what, on_reserved)
  return assert(domains.open(template:format(what or "", on_reserved or ""), options))
end

local function place(runtime, id, how, sku)
  assert(runtime:dispatch("Place", { id = id, sku = sku or "s", how = how }))
end

local function types_of(runtime)
  local types = {}
  for event in runtime:events() do types[#types + 1] = event.type end
  return table.concat(types, " ")
end

describe("a saga", function()
  for _, lanes in ipairs { 0, 1, 3 } do
    it("goes from event to command to event until it is complete, lanes = " .. lanes, function()
      local runtime <close> = open { lanes = lanes }
      place(runtime, "o-1")
      place(runtime, "o-2")
      assert(runtime:drain())
      for _, id in ipairs { "o-1", "o-2" } do
        local saga = assert(runtime:saga("fulfilment", id))
        assert.equal("completed", saga.status)
        assert.same({ "reserved", "paid", "shipped" }, saga.state.steps)
        assert.equal(1, assert(runtime:state("Order", id)).shipped)
        assert.is_nil(saga.waiting)
        assert.is_string(saga.ended_at)
      end
      assert.equal(2, assert(runtime:state("Stock", "s")).reserved)
    end)

    it("compensates in reverse order when it fails, lanes = " .. lanes, function()
      local runtime <close> = open { lanes = lanes }
      place(runtime, "o-1", "no courier")
      assert(runtime:drain())
      local saga = assert(runtime:saga("fulfilment", "o-1"))
      assert.equal("failed", saga.status)
      assert.equal("Ship: nobody drives there", saga.reason)
      assert.equal("Placed Reserved Paid Refunded Released", types_of(runtime))
      assert.is_nil(saga.failures)
    end)

    it("deals with a rejection, lanes = " .. lanes, function()
      local runtime <close> = open { lanes = lanes }
      place(runtime, "o-1", "declined")
      assert(runtime:drain())
      local saga = assert(runtime:saga("fulfilment", "o-1"))
      assert.equal("failed", saga.status)
      assert.equal("the card was declined", saga.reason)
      assert.equal("declined", saga.state.rejection.code)
      assert.same({ id = "o-1", how = "declined" }, saga.state.rejection.data)
      assert.equal("Placed Reserved Refunded Released", types_of(runtime))
    end)
  end

  it("keeps what compensation could not do, does the rest, and is not called done", function()
    local runtime <close> = open()
    place(runtime, "o-1", "declined", "stuck")
    assert(runtime:drain())
    local saga = assert(runtime:saga("fulfilment", "o-1"))
    assert.equal("compensation_failed", saga.status)
    assert.same({ { command = "Release", code = "stuck", message = "it cannot be released" } },
      saga.failures)
    assert.equal("Placed Reserved Refunded", types_of(runtime))
  end)

  it("passes over events that do not start it, and that come behind its end", function()
    local runtime <close> = open()
    assert(runtime:dispatch("Pay", { id = "o-9" }))
    assert(runtime:drain())
    assert.is_nil(runtime:saga("fulfilment", "o-9"))
    place(runtime, "o-1")
    assert(runtime:drain())
    place(runtime, "o-1")
    assert(runtime:drain())
    assert.equal(1, assert(runtime:state("Order", "o-1")).shipped)
  end)

  it("stops alone when its function raises, and goes on when it is resumed", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    do
      local runtime <close> = open({ store = "sqlite:" .. path },
        nil, "if saga.how == 'raise' then saga.steps[1] = 'half'; error 'no such thing' end")
      place(runtime, "o-1", "raise")
      place(runtime, "o-2")
      assert(runtime:drain())
      local saga = assert(runtime:saga("fulfilment", "o-1"))
      assert.equal("stopped", saga.status)
      assert.matches("no such thing", saga.reason)
      assert.matches("^event %d+ %(Reserved%)$", saga.stopped_by)
      assert.same({}, saga.state.steps)
      assert.equal("completed", assert(runtime:saga("fulfilment", "o-2")).status)
      assert.equal(1, assert(runtime:subscriptions())[1].stopped_sagas)
      -- What comes for it meanwhile waits.
      assert(runtime:dispatch("Pay", { id = "o-1" }))
      assert(runtime:resume "fulfilment")
      assert(runtime:drain())
      assert.equal("stopped", assert(runtime:saga("fulfilment", "o-1")).status)
      assert.same({ "o-1" }, { assert(runtime:sagas(nil, { status = "stopped" }))[1].key })
    end
    local runtime <close> = open { store = "sqlite:" .. path }
    assert(runtime:drain())
    assert.equal("stopped", assert(runtime:saga("fulfilment", "o-1")).status)
    assert(runtime:resume "fulfilment")
    assert(runtime:drain())
    local saga = assert(runtime:saga("fulfilment", "o-1"))
    assert.equal("completed", saga.status)
    assert.equal("reserved", saga.state.steps[1])
    assert.is_nil(saga.reason)
    assert.equal(0, assert(runtime:subscriptions())[1].stopped_sagas)
  end)

  it("holds up what it sent behind the rejection that stopped it", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local options = { store = "sqlite:" .. path, lanes = 0 }
    local mended = template:format("", [[
      context:send(Pay { id = event.id, how = "declined" })
      context:send(Ship { id = event.id })
      if true then return end]])
    local broken = mended:gsub("saga.rejection = rejection", 'error "no idea"')
    do
      local runtime <close> = assert(domains.open(broken, options))
      place(runtime, "o-1")
      assert(runtime:drain())
      local saga = assert(runtime:saga("fulfilment", "o-1"))
      assert.equal("the rejection of 'Pay'", saga.stopped_by)
      assert(runtime:resume "fulfilment")
      assert(runtime:drain())
      assert.equal("Placed Reserved", types_of(runtime))
    end
    local runtime <close> = assert(domains.open(mended, options))
    assert(runtime:drain())
    assert.equal("Placed Reserved", types_of(runtime))
    assert(runtime:resume "fulfilment")
    assert(runtime:drain())
    assert.equal("failed", assert(runtime:saga("fulfilment", "o-1")).status)
    assert.equal("Placed Reserved Released", types_of(runtime))
  end)

  it("lists sagas by name, key and status", function()
    local runtime <close> = open(nil, "partitions = 4,")
    for i = 1, 9 do place(runtime, "o-" .. i, i % 3 == 0 and "declined" or nil) end
    assert(runtime:drain())
    local function keys(options)
      local found = {}
      for _, saga in ipairs(assert(runtime:sagas("fulfilment", options))) do
        found[#found + 1] = saga.key
      end
      return table.concat(found, " ")
    end
    assert.equal("o-1 o-2 o-3 o-4 o-5 o-6 o-7 o-8 o-9", keys())
    assert.equal("o-3 o-6 o-9", keys { status = "failed" })
    assert.equal("o-9 o-8", keys { order = "descending", limit = 2 })
    assert.equal("o-8 o-9", keys { behind = "o-7" })
    assert.equal(9, #assert(runtime:sagas()))
    local found, err = runtime:sagas("fulfilment", { status = "done" })
    assert.is_nil(found)
    assert.equal("usage", err.code)
    found, err = runtime:saga("fulfillment", "o-1")
    assert.is_nil(found)
    assert.matches("did you mean 'fulfilment'", err.message)
    assert.has_error(function() runtime:sagas("fulfilment", { stats = 1 }) end)
  end)

  it("keeps its state exactly", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local hook = [[
      local mixed = saga.mixed
      if mixed then
        saga.exact = mixed[1.5] == "x" and mixed[3] == neap.null
          and math.type(mixed.float) == "float"
        context:complete()
        return
      end
      saga.mixed = { [1.5] = "x", [3] = neap.null, float = 2.0 }
      do return end]]
    do
      local runtime <close> = open({ store = "sqlite:" .. path }, nil, hook)
      place(runtime, "o-1")
      assert(runtime:drain())
      assert.equal("running", assert(runtime:saga("fulfilment", "o-1")).status)
    end
    local runtime <close> = open({ store = "sqlite:" .. path }, nil, hook)
    assert(runtime:dispatch("Reserve", { id = "o-1", sku = "s" }))
    assert(runtime:drain())
    local saga = assert(runtime:saga("fulfilment", "o-1"))
    assert.equal("completed", saga.status)
    assert.is_true(saga.state.exact)
  end)

  describe("with a timeout", function()
    local late = [[timeouts = { payment = function(saga, context)
      if saga.how == "raise" then error "too late" end
      saga.late = context:now()
      context:fail "no payment in time"
    end },]]
    local waits = 'context:timeout("payment", 900) do return end'
    local start = 1700000000000000

    it("is told when it is over, once, also after a restart", function()
      local path = temporary_store()
      finally(function() remove_store(path) end)
      local now = start
      local options = { store = "sqlite:" .. path, lanes = 0, clock = function() return now end }
      do
        local runtime <close> = open(options, late, waits)
        place(runtime, "o-1")
        assert(runtime:drain())
        local saga = assert(runtime:saga("fulfilment", "o-1"))
        assert.equal("payment", saga.waiting[1].timeout)
        now = now + 899 * 1000000
        assert(runtime:drain())
        assert.equal("running", assert(runtime:saga("fulfilment", "o-1")).status)
      end
      now = now + 5000000
      local runtime <close> = open(options, late, waits)
      assert(runtime:drain())
      local saga = assert(runtime:saga("fulfilment", "o-1"))
      assert.equal("failed", saga.status)
      assert.equal("no payment in time", saga.reason)
      assert.equal(start + 900 * 1000000, saga.state.late)
      assert.equal("Placed Reserved Released", types_of(runtime))
    end)

    it("takes back what it sent before it fails, and has not taken effect", function()
      local now = start
      local runtime <close> = open({ lanes = 0, clock = function() return now end }, late,
        'context:send(Ship { id = event.id }, { after = 5 })')
      place(runtime, "o-1", "declined")
      assert(runtime:drain())
      now = now + 10 * 1000000
      assert(runtime:drain())
      local saga = assert(runtime:saga("fulfilment", "o-1"))
      assert.equal("failed", saga.status)
      assert.is_nil(saga.waiting)
      assert.equal("Placed Reserved Refunded Released", types_of(runtime))
    end)

    it("hears nothing of it once it has ended", function()
      local now = start
      local runtime <close> = open({ lanes = 0, clock = function() return now end }, late,
        'context:timeout("payment", 900)')
      place(runtime, "o-1")
      assert(runtime:drain())
      assert.equal("completed", assert(runtime:saga("fulfilment", "o-1")).status)
      now = now + 1000 * 1000000
      assert(runtime:drain())
      local saga = assert(runtime:saga("fulfilment", "o-1"))
      assert.equal("completed", saga.status)
      assert.is_nil(saga.waiting)
    end)

    it("stops when the timeout's function raises, and is told again when it is resumed", function()
      local path = temporary_store()
      finally(function() remove_store(path) end)
      local now = start
      local options = { store = "sqlite:" .. path, lanes = 0, clock = function() return now end }
      do
        local runtime <close> = open(options, late, waits)
        place(runtime, "o-1", "raise")
        assert(runtime:drain())
        now = now + 901 * 1000000
        assert(runtime:drain())
        local saga = assert(runtime:saga("fulfilment", "o-1"))
        assert.equal("stopped", saga.status)
        assert.equal("timeout 'payment'", saga.stopped_by)
        assert.matches("too late", saga.reason)
        assert(runtime:resume "fulfilment")
        assert(runtime:drain())
        assert.equal("stopped", assert(runtime:saga("fulfilment", "o-1")).status)
      end
      local mended = late:gsub('error "too late"', "")
      local runtime <close> = open(options, mended, waits)
      assert(runtime:drain())
      assert.equal("stopped", assert(runtime:saga("fulfilment", "o-1")).status)
      assert(runtime:resume "fulfilment")
      assert(runtime:drain())
      assert.equal("failed", assert(runtime:saga("fulfilment", "o-1")).status)
    end)
  end)
end)
