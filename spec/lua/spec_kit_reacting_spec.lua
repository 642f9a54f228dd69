-- neap.spec: those who react, their services and what fails for good.

local neap = require "neap"
local spec = require "neap.spec"

local function shop()
  local domain = neap.domain "shop"
  local order = { order_id = "string" }
  domain:event "Placed" (order)
  local Shipped, Reminded = domain:event "Shipped" (order), domain:event "Reminded" (order)
  local Remind = domain:command "Remind" (order)
  domain:command "Ship" (order)
  domain:aggregate "Order" {
    key = "order_id",
    commands = {
      Ship = function(_, command) return Shipped(command) end,
      Remind = function(_, command) return Reminded(command) end,
    },
    events = { Placed = function() end, Shipped = function() end, Reminded = function() end },
  }
  domain:service("mail", function() error "the real one" end)
  domain:service("bank", function() error "the real one" end)
  domain:subscriber "mailer" {
    events = {
      Placed = function(event, context)
        context:send(Remind { order_id = event.order_id }, { after = 3600, name = event.order_id })
      end,
      Shipped = function(event, context)
        local about = { order = event.order_id, lines = { "a" } }
        context.services.mail.send(event.order_id, about)
        about.lines[1] = "changed behind"
      end,
    },
    retry = { attempts = 3, first_delay = 60 },
  }
  domain:handle(domain:command "Charge" { amount = "integer" }, function(command, context)
    assert(context.services.bank.charge(command.amount).receipt == "r-" .. command.amount)
  end)
  return domain
end

local of = spec.domain(shop())
local Placed, Shipped, Ship = of.Placed, of.Shipped, of.Ship

local function fakes(mail)
  return {
    mail = mail or spec.fake { "send", "cancel" },
    bank = spec.fake { charge = function(amount) return { receipt = "r-" .. amount } end },
  }
end

-- The message of the error that the body raises, without the place; which must be in this file.
local function failure(body)
  local ok, why = pcall(body)
  assert.is_false(ok)
  local message = why:match "^.-spec_kit_reacting_spec%.lua:%d+: (.*)$"
  assert.is_string(message, why)
  return message
end

local shipped = Shipped { order_id = "o-1" }
local about = { order = "o-1", lines = { "a" } }

describe("a fake", function()
  it("keeps the calls of subscribers as they were", function()
    of:services(fakes())
      :given { shipped }
      :expect_called("mail", "send", "o-1", about)
      :expect_called("mail", "send", "o-1", spec.any)
      :when(Ship { order_id = "o-2" })
      :expect_calls("mail", { { "send", "o-1", about }, { "send", "o-2", spec.any } })
      :expect_calls("bank", {})
      :expect_no_dead_letters "mailer"
  end)

  it("answers with its function", function()
    of:services(fakes())
      :when("Charge", { amount = 3 }):expect_nothing()
      :expect_calls("bank", { { "charge", 3 } })
  end)

  it("begins anew with each scenario", function()
    local services = fakes()
    for _ = 1, 2 do
      of:services(services):given { shipped }
        :expect_calls("mail", { { "send", "o-1", spec.any } })
    end
  end)

  it("may be given once for all", function()
    local all = spec.domain(shop(), { services = fakes() })
    all:given { shipped }:expect_called("mail", "send", "o-1", about)
    all:expect_calls("mail", {})
  end)

  it("says how it was called instead", function()
    assert.equal([[
mail.send("o-2", anything) was not called, but:
  mail.send("o-1", { lines = { "a" }, order = "o-1" })]],
      failure(function()
        of:services(fakes()):given { shipped }:expect_called("mail", "send", "o-2", spec.any)
      end))
    assert.equal('mail.cancel("o-1") was not called, nor anything else of it', failure(function()
      of:services(fakes()):expect_called("mail", "cancel", "o-1")
    end))
    assert.equal([[
mail was to be called like this:
  mail.cancel()
but was called like this:
  mail.send("o-1", { lines = { "a" }, order = "o-1" })]], failure(function()
      of:services(fakes()):given { shipped }:expect_calls("mail", { { "cancel" } })
    end))
    assert.equal("mail was to be called like this:\n  mail.cancel()\nbut was not called",
      failure(function() of:services(fakes()):expect_calls("mail", { { "cancel" } }) end))
  end)

  it("tells a call with an argument less from one with nil", function()
    local services = fakes { send = function() end }
    services.mail = spec.fake { "send" }
    local domain = neap.domain "d"
    domain:service("mail", function() return {} end)
    domain:handle(domain:command "Go" {}, function(_, context)
      context.services.mail.send("a", nil)
    end)
    local nils = spec.domain(domain)
    local message = failure(function()
      nils:services { mail = services.mail }:when "Go":expect_called("mail", "send", "a")
    end)
    assert.equal('mail.send("a") was not called, but:\n  mail.send("a", nothing)', message)
    nils:services { mail = services.mail }:when "Go":expect_called("mail", "send", "a", nil)
  end)

  it("is checked", function()
    local cases = {
      ['spec.fake needs a list of functions\' names, got "send"'] = function() spec.fake "send" end,
      ["spec.fake needs the name of one function at least"] = function() spec.fake {} end,
      ["spec.fake: a function's name must be a text, got 3"] = function() spec.fake { 3 } end,
      ["spec.fake: 'send' must be a function, or stand in the list by its name alone; got true"] =
        function() spec.fake { send = true } end,
      ['expect_called: the service "mall" is no fake here; give one, as in '
        .. "services { mall = spec.fake { … } }; did you mean 'mail'?"] = function()
        of:services(fakes()):expect_called("mall", "send")
      end,
      ["expect_calls needs a list of calls, got 3"] = function()
        of:services(fakes()):expect_calls("mail", 3)
      end,
      ['expect_calls needs calls as { name, argument, … }, got "send"'] = function()
        of:services(fakes()):expect_calls("mail", { "send" })
      end,
      ["advance needs seconds, more than 0, got -1"] = function() of:advance(-1) end,
    }
    for message, body in pairs(cases) do
      assert.equal(message, failure(body))
    end
  end)
end)

describe("what is to be done later", function()
  it("is done when its time has come", function()
    local scenario = of:services(fakes()):given { Placed { order_id = "o-1" } }
    scenario:expect_calls("mail", {}):expect_state("Order", "o-1", {})
    scenario:advance(3599):expect_follows()
    scenario:advance(1):expect_follows(of.Reminded { order_id = "o-1" })
  end)
end)

describe("what fails for good", function()
  local function no_mail() return spec.fake { send = function() error "no mail today" end } end

  it("is a dead letter, once all attempts were made", function()
    of:services(fakes(no_mail()))
      :given { shipped }
      :expect_dead_letter("mailer", { event = "Shipped", stream = "Order-o-1", attempts = 3,
        code = "handler", message = "no mail today" })
      :expect_dead_letter "mailer"
      :expect_calls("mail", { { "send", "o-1", spec.any }, { "send", "o-1", spec.any },
        { "send", "o-1", spec.any } })
  end)

  it("holds back what comes behind it in its stream", function()
    of:services(fakes(no_mail()))
      :given { shipped, Shipped { order_id = "o-2" }, shipped }
      :expect_dead_letter("mailer", { stream = "Order-o-2", attempts = 3 })
      :expect_dead_letter("mailer", { stream = "Order-o-1", attempts = 0 })
  end)

  it("is none if a later attempt succeeds", function()
    local failures = 2
    of:services(fakes(spec.fake { send = function()
      failures = failures - 1
      if failures >= 0 then error "not yet" end
    end })):given { shipped }:expect_no_dead_letters "mailer"
    assert.equal(-1, failures)
  end)

  it("says what there is instead", function()
    assert.equal("mailer has no dead letters", failure(function()
      of:services(fakes()):given { shipped }:expect_dead_letter "mailer"
    end))
    local other = failure(function()
      of:services(fakes(no_mail())):given { shipped }
        :expect_dead_letter("mailer", { attempts = 2 })
    end)
    assert.truthy(other:find("mailer has no dead letter like { attempts = 2 }, but:\n"
      .. "  Shipped of Order-o-1, after 3 attempts: ", 1, true), other)
    local none = failure(function()
      of:services(fakes(no_mail())):given { shipped }:expect_no_dead_letters "mailer"
    end)
    assert.truthy(none:find("mailer was to have no dead letters, but has:\n  Shipped", 1, true))
  end)

  it("is checked", function()
    local cases = {
      ["expect_dead_letter: a dead letter has no 'evnt'; did you mean 'event'?"] = function()
        of:services(fakes()):expect_dead_letter("mailer", { evnt = "Shipped" })
      end,
      ["expect_dead_letter: 'attempts' must be an integer, got 1.5"] = function()
        of:services(fakes()):expect_dead_letter("mailer", { attempts = 1.5 })
      end,
      ["expect_dead_letter: the domain has no subscriber 3"] = function()
        of:services(fakes()):expect_dead_letter(3)
      end,
      ["expect_no_dead_letters: the domain has no subscriber \"maler\"; did you mean 'mailer'?"] =
        function() of:services(fakes()):expect_no_dead_letters "maler" end,
    }
    for message, body in pairs(cases) do
      assert.equal(message, failure(body))
    end
  end)
end)
