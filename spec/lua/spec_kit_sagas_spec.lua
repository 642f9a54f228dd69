-- neap.spec: sagas, with a clock that is moved by hand.

local neap = require "neap"
local spec = require "neap.spec"

local function shop()
  local domain = neap.domain "shop"
  local order = { order_id = "string" }
  local function pair(event, command)
    return domain:event(event)(order), domain:command(command)(order)
  end
  domain:event "Placed" (order)
  local Reserved, Reserve = pair("Reserved", "Reserve")
  local Released, Release = pair("Released", "Release")
  local Paid = pair("Paid", "Pay")
  local Shipped, Ship = pair("Shipped", "Ship")
  local function nothing() end
  domain:aggregate "Order" {
    key = "order_id",
    commands = { Ship = function(_, command) return Shipped(command) end },
    events = { Placed = nothing, Shipped = nothing },
  }
  domain:aggregate "Stock" {
    key = "order_id",
    commands = {
      Reserve = function(_, command)
        if command.order_id == "none" then return neap.reject("sold_out", "there is none") end
        return Reserved(command)
      end,
      Release = function(_, command)
        if command.order_id == "stuck" then return neap.reject("stuck", "it cannot be") end
        return Released(command)
      end,
    },
    events = { Reserved = nothing, Released = nothing },
  }
  domain:aggregate "Payment" {
    key = "order_id",
    commands = { Pay = function(_, command) return Paid(command) end },
    events = { Paid = nothing },
  }
  domain:saga "fulfilment" {
    key = "order_id", initial = {}, starts = { "Placed" },
    events = {
      Placed = function(_, event, context)
        context:send(Reserve { order_id = event.order_id })
        context:compensate(Release { order_id = event.order_id })
        context:timeout("payment", 900)
      end,
      Reserved = function(saga) saga.reserved = true end,
      Paid = function(_, event, context)
        context:cancel "payment"
        context:send(Ship { order_id = event.order_id })
      end,
      Shipped = function(_, _, context) context:complete() end,
    },
    timeouts = { payment = function(_, context) context:fail "no payment in time" end },
  }
  return domain
end

local of = spec.domain(shop())
local Reserved, Released, Shipped, Paid = of.Reserved, of.Released, of.Shipped, of.Paid
local Pay, Release = of.Pay, of.Release

local function placed(id) return of.Placed { order_id = id or "o-1" } end
local function about(id) return { order_id = id or "o-1" } end

-- The message of the error that the body raises, without the place; which must be in this file.
local function failure(body)
  local ok, why = pcall(body)
  assert.is_false(ok)
  local message = why:match "^.-spec_kit_sagas_spec%.lua:%d+: (.*)$"
  assert.is_string(message, why)
  return message
end

describe("a saga", function()
  it("goes on from step to step", function()
    of:given { placed() }
      :expect_follows(Reserved(about()))
      :expect_saga("fulfilment", "o-1", {
        status = "running", state = { reserved = true }, timeouts = { payment = 900 },
        compensations = { Release(about()) },
      })
      :when(Pay(about())):expect(Paid(about()))
      :expect_follows(Shipped(about()))
      :expect_saga("fulfilment", "o-1", { status = "completed", timeouts = {} })
      :advance(3600)
      :expect_follows()
  end)

  it("fails when its time is over, and takes back what was done", function()
    of:given { placed() }:advance(600)
      :expect_saga("fulfilment", "o-1", { status = "running", timeouts = { payment = 300 } })
      :advance(299.5):expect_follows()
      :advance(0.5):expect_follows(Released(about()))
      :expect_saga("fulfilment", "o-1", { status = "failed", reason = "no payment in time",
        failures = {} })
  end)

  it("fails when a command is rejected", function()
    of:given { placed "none" }
      :expect_follows(Released(about "none"))
      :expect_saga("fulfilment", "none", { status = "failed" })
  end)

  it("says what could not be taken back", function()
    of:given { placed "stuck" }:expect_follows(Reserved(about "stuck"))
      :advance(900):expect_follows()
      :expect_saga("fulfilment", "stuck", { status = "compensation_failed",
        failures = { { command = "Release", code = "stuck", message = "it cannot be" } } })
  end)

  it("has not begun without an event that starts it", function()
    of:given { Paid(about()) }:expect_saga("fulfilment", "o-1", nil):expect_follows()
  end)
end)

describe("a failure", function()
  it("says what differs", function()
    assert.equal([[
the saga 'o-1' of fulfilment is other than expected:
  state.reserved:   expected false, got true
  status:           expected "completed", got "running"
  timeouts.payment: expected 901, got 900]], failure(function()
      of:given { placed() }:expect_saga("fulfilment", "o-1", {
        status = "completed", state = { reserved = false }, timeouts = { payment = 901 } })
    end))
    assert.equal([[
other events followed than expected:
  missing     Shipped { order_id = "o-1" }
  unexpected  Reserved { order_id = "o-1" }]], failure(function()
      of:given { placed() }:expect_follows(Shipped(about()))
    end))
  end)

  it("says which sagas have stopped, where nothing follows", function()
    local domain = neap.domain "stopping"
    local Rung = domain:event "Rung" { door = "string" }
    domain:saga "guest" {
      key = "door", starts = { "Rung" },
      events = { Rung = function() error "nobody is in" end },
    }
    local message = failure(function()
      spec.domain(domain):given { spec.on("Door-d-1", Rung { door = "d-1" }) }
        :expect_follows(spec.on("Door-d-1", Rung { door = "d-1" }))
    end)
    assert.truthy(message:find("the saga 'd-1' of guest has stopped: ", 1, true), message)
    assert.truthy(message:find("nobody is in", 1, true), message)
  end)

  it("says whether the saga began", function()
    assert.equal('the saga o-2 of fulfilment has not begun; expected { status = "running" }',
      failure(function()
        of:given { placed() }:expect_saga("fulfilment", "o-2", { status = "running" })
      end))
    assert.equal("the saga o-1 of fulfilment was not to have begun, but is running",
      failure(function() of:given { placed() }:expect_saga("fulfilment", "o-1", nil) end))
  end)

  it("names what is wrong with the expectation", function()
    local cases = {
      ["expect_saga: a saga has no 'stat'; did you mean 'state'?"] = { stat = {} },
      ["expect_saga: 'timeouts' must be a table, got 3"] = { timeouts = 3 },
      ["expect_saga needs a table of what is known of the saga, or nil, got 3"] = 3,
    }
    for message, expected in pairs(cases) do
      assert.equal(message, failure(function()
        of:given { placed() }:expect_saga("fulfilment", "o-1", expected)
      end))
    end
    local unknown = failure(function() of:expect_saga("fulfillment", "o-1", {}) end)
    assert.truthy(unknown:find("did you mean 'fulfilment'?", 1, true), unknown)
  end)
end)
