-- What is wrong with the definition of an outbox is said when the domain is loaded, with file and
-- line; where its events go is looked at when the store is opened.

local domains = require "spec.lua.domains"

local header = [[
local neap = require "neap"
local shop = neap.domain "shop"
shop:event("OrderPlaced", { formerly = "OrderMade" }) { order_id = "string", total = "integer" }
shop:event("Ticked", { transient = true }) { sku = "string" }
shop:handle(shop:command "Ship" { order_id = "string" }, function() end)
]]

-- The text follows the header; its first line is line 6.
local function open(body)
  return domains.open(header .. body .. "\nreturn shop")
end

describe("an outbox with a mistake", function()
  local mistakes = {
    { "without a place to go to", [[shop:outbox "out" {}]],
      "outbox 'out' needs the key 'to'" },
    { "with an empty one", [[shop:outbox "out" { to = "" }]], "outbox 'out': 'to' is empty" },
    { "with an unknown option", [[shop:outbox "out" { to = "b", subjct = "x" }]],
      "outbox 'out' knows no key 'subjct'; did you mean 'subject'?" },
    { "with types that are no list", [[shop:outbox "out" { to = "b", types = { a = 1 } }]],
      "outbox 'out': 'types' must be a list of events" },
    { "with a number among them", [[shop:outbox "out" { to = "b", types = { 1 } }]],
      "outbox 'out': 'types' must be a list of events, but has a number" },
    { "with one twice", [[shop:outbox "out" { to = "b", types = { "A", "A" } }]],
      "outbox 'out': 'types' has 'A' twice" },
    { "with an event that is not defined",
      [[shop:outbox "out" { to = "b", types = { "OrderPlced" } }]],
      "outbox 'out' handles the event 'OrderPlced', which is not defined; did you mean "
        .. "'OrderPlaced'?" },
    { "with an event by its former name",
      [[shop:outbox "out" { to = "b", types = { "OrderMade" } }]],
      "outbox 'out' handles the event 'OrderMade', which is not defined; it is 'OrderPlaced' now" },
    { "with a command", [[shop:outbox "out" { to = "b", types = { "Ship" } }]],
      "outbox 'out' handles 'Ship' as an event, but it is a command" },
    { "with a transient event", [[shop:outbox "out" { to = "b", types = { "Ticked" } }]],
      "outbox 'out' handles the event 'Ticked', which is transient and never stored" },
    { "with too many pending", [[shop:outbox "out" { to = "b", pending = 10001 }]],
      "outbox 'out': 'pending' must be an integer from 1 to 10000" },
    { "with no time", [[shop:outbox "out" { to = "b", timeout = 0 }]],
      "outbox 'out': 'timeout' must be a number of seconds from 0.001 to 3600" },
    { "that starts otherwise", [[shop:outbox "out" { to = "b", start = "later" }]],
      "outbox 'out': 'start' must be \"beginning\" or \"now\", but is 'later'" },
    { "with a service that there is not",
      [[shop:service("mail", function() return {} end); shop:outbox "out" { to = "service:mial" }]],
      "outbox 'out' goes to the service 'mial', which is not declared; did you mean 'mail'?" },
    { "with a service without a name", [[shop:outbox "out" { to = "service:" }]],
      "outbox 'out': 'to' names no service; it is \"service:NAME\"" },
    { "with a number to go to", [[shop:outbox "out" { to = 1 }]],
      "outbox 'out': 'to' must be a string or function, but is a number" },
    { "with what is a broker's beside a function",
      [[shop:outbox "out" { to = function() end, subject = "shop.{type}" }]],
      "outbox 'out': 'subject' is for a broker; what the domain publishes by itself has none" },
    { "with another unknown failure", [[shop:outbox "out" { to = "b", on_failure = "drop" }]],
      "outbox 'out': 'on_failure' must be \"dead_letter\" or \"stop\", but is 'drop'" },
    { "with no attempt", [[shop:outbox "out" { to = "b", retry = { attempts = 0 } }]],
      "outbox 'out': 'retry.attempts' must be an integer from 1 to 1000" },
    { "with a retry that is unknown", [[shop:outbox "out" { to = "b", retry = { attemps = 1 } }]],
      "outbox 'out': 'retry' knows no key 'attemps'; did you mean 'attempts'?" },
    { "with the name of another",
      [[shop:outbox "out" { to = "b" }; shop:outbox "out" { to = "b" }]],
      "outbox 'out': that is already the name of an outbox, defined at domain.lua:6" },
  }
  for _, mistake in ipairs(mistakes) do
    it("is refused: " .. mistake[1], function()
      local runtime, err = open(mistake[2])
      assert.is_nil(runtime)
      assert.equal("domain.lua:6: " .. mistake[3], err.message)
    end)
  end
end)

describe("an outbox", function()
  it("needs a publisher that there is", function()
    local runtime, err = open [[shop:outbox "out" { to = "broker" }]]
    assert.is_nil(runtime)
    assert.equal("unknown", err.code)
    assert.truthy(err.message:find("outbox 'out': there is no publisher 'broker'", 1, true))
  end)

  it("needs a scheme that is known", function()
    local runtime, err = open [[shop:outbox "out" { to = "nat://localhost" }]]
    assert.is_nil(runtime)
    assert.equal("outbox 'out': there is no publisher for \"nat:\"; known are nats: and tls:; "
      .. "did you mean nats:?", err.message)
  end)

  it("needs no broker to start", function()
    local runtime = assert(open [[shop:outbox "out" { to = "nats://localhost:1" }]])
    local subscriptions = assert(runtime:subscriptions())
    assert.equal("outbox", subscriptions[1].kind)
    assert.equal("out", subscriptions[1].name)
    runtime:close()
  end)
end)
