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
      :expect_saga("fulfilment", "o-1", { status = "completed", timeouts = {}, compensations = {} })
      :advance(3600)
      :expect_follows()
  end)

  it("fails when its time is over, and takes back what was done", function()
    of:given { placed() }:advance(600)
      :expect_saga("fulfilment", "o-1", { status = "running", timeouts = { payment = 300 } })
      :advance(299.5):expect_follows()
      :advance(0.5):expect_follows(Released(about()))
      :expect_saga("fulfilment", "o-1", { status = "failed", reason = "no payment in time",
        failures = {}, compensations = { Release(about()) } })
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

describe("the commands that are sent", function()
  local function club()
    local domain = neap.domain "club"
    local who = { name = "string" }
    local Joined = domain:event "Joined" (who)
    local Join = domain:command "Join" (who)
    local Welcome, Remind = domain:command "Welcome" (who), domain:command "Remind" (who)
    local Print = domain:command "Print" { text = "string" }
    domain:aggregate "Member" {
      key = "name",
      commands = { Join = function(_, command) return Joined(command) end },
      events = { Joined = function() end },
    }
    domain:handle(Welcome, function(command, context)
      if command.name == "nobody" then return neap.reject("nobody", "there is nobody") end
      assert(context:dispatch(Print { text = "hello " .. command.name }))
    end)
    domain:handle(Remind, function(command)
      if command.name == "nobody" then error "tried again" end
    end)
    domain:handle(Print, function() end)
    domain:subscriber "host" {
      events = { Joined = function(event, context)
        context:send(Welcome { name = event.name })
        context:send(Remind { name = event.name }, { after = 3600 })
      end },
    }
    return spec.domain(domain), Join, Welcome, Remind
  end
  local club_of, Join, Welcome, Remind = club()
  local ada, nobody = { name = "ada" }, { name = "nobody" }

  it("are expected, the rejected ones too, and those for later", function()
    club_of:when(Join(ada))
      :expect_sent(Welcome(ada), spec.later(3600, Remind(ada)))
      :expect_sent(Welcome(ada), spec.later(3600, { "Remind", { name = spec.any } }))
      :when(Join(nobody))
      :expect_sent(Welcome(nobody), spec.later(3600, Remind(nobody)))
      :advance(3600)
      :expect_sent("Remind", ada, "Remind", nobody)
      :advance(60)
      :expect_sent()
  end)

  it("are not those that somebody else dispatched, nor what they dispatched themselves", function()
    club_of:given { Join(ada) }:expect_sent(Welcome(ada), spec.later(3600, Remind(ada)))
      :when(Welcome(ada)):expect_sent()
  end)

  it("are those of sagas as well", function()
    of:given { placed() }:expect_sent("Reserve", about())
      :when(Pay(about())):expect_sent("Ship", about())
    of:given { placed "none" }:expect_sent("Reserve", about "none", Release(about "none"))
  end)

  it("are told from what was expected", function()
    assert.equal([[
other commands were sent than expected:
  missing     Print { text = "x" }
  differs     Welcome
                fields.name: expected "eve", got "ada"
  unexpected  Remind { name = "ada" } in 3600 s]], failure(function()
      club_of:when(Join(ada)):expect_sent("Print", { text = "x" }, Welcome { name = "eve" })
    end))
    assert.equal([[
other commands were sent than expected:
  differs     Remind
                seconds: expected 1800, got 3600]], failure(function()
      club_of:when(Join(ada)):expect_sent(Welcome(ada), spec.later(1800, Remind(ada)))
    end))
  end)

  it("are commands, of somebody who sends them", function()
    assert.equal("expect_sent: Joined is an event",
      failure(function() club_of:expect_sent("Joined", ada) end))
    assert.equal("spec.later needs seconds, more than 0, got 0",
      failure(function() spec.later(0, Remind(ada)) end))
    local alone = neap.domain "alone"
    assert.equal("expect_sent: the domain has no saga and no subscriber, and nobody else sends "
      .. "commands", failure(function() spec.domain(alone):expect_sent() end))
  end)
end)
