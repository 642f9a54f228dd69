-- neap repl --write: the session that looks also changes the log.

local neap = require "neap_command"

local past = "fixtures/past.lua"
local terminal = assert(os.getenv "NEAP_TERMINAL", "NEAP_TERMINAL: where is terminal?")

local shop_lua = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Greeted = shop:event "Greeted" { name = "string", by = "string" }
local Greet = shop:command "Greet" { name = "string" }
local Nap = shop:command "Nap" { seconds = "number" }
shop:service("clerk", function(config) return { name = config.name } end)
shop:handle(Greet, function(command, context)
  context:publish(Greeted { name = command.name, by = context.services.clerk.name },
    { stream = "Guest-" .. command.name })
end)
shop:handle(Nap, function(command, context) context:sleep(command.seconds) end)
shop:subscriber "echo" {
  events = {
    Greeted = function(event, context)
      if event.name ~= "echo" then context:send(Greet { name = "echo" }) end
    end,
  },
}
return shop
]]

-- What differs from run to run.
local function without_times(text)
  text = text:gsub("%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.%d%d%d", "TIME")
  return (text:gsub("%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+", "ID"))
end

describe("neap repl --write", function()
  local folder, store

  before_each(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/shop.db"
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function script(domain, input, ...)
    local status, out, err = neap.run({ "repl", domain, "--store", store, ... }, { stdin = input })
    return status, without_times(out), without_times(err)
  end

  local function greeter()
    neap.write(folder .. "/shop.lua", shop_lua)
    neap.write(folder .. "/clerk.json", '{"clerk":{"name":"ada"}}')
    return folder .. "/shop.lua"
  end

  it("decides commands, and goes to their events", function()
    local status, out, err = script(past, [[
dispatch("PlaceOrder", { order = "o-1", total = 7 })
watch("Order", "o-1")
at(0)
dispatch("PayOrder", { order = "o-1" }, { idempotency_key = "k" }).version
dispatch("PayOrder", { order = "o-1" }, { idempotency_key = "k" })
publish("OrderShipped", { order = "o-1" }, { stream = "Order-o-1", expected = 2 })
send("PayOrder", { order = "o-1" }, { after = 3600, name = "later" })
position()
]], "--write")
    assert.same({ 0, "" }, { status, err })
    assert.equal([[
1  TIME  Order-o-1 1  OrderPlaced  { order = "o-1", total = 7 }
1  Order "o-1"
0  before everything
Order "o-1"
  value: { status = "placed", total = 7 } → nothing
2
the key is known: it took effect before
2  TIME  Order-o-1 2  OrderPaid  { order = "o-1" }
3  TIME  Order-o-1 3  OrderShipped  { order = "o-1" }
Order "o-1"
  status: "paid" → "shipped"
queued as ID
3
]], out)
    local _, events = neap.run { "events", "--store", store }
    assert.equal(3, select(2, events:gsub("\n", "")))
    local _, timers = neap.run { "timers", "list", "--store", store }
    assert.truthy(timers:find('"name":"later"', 1, true), timers)
    assert.equal(0, (neap.run { "verify", "--store", store }))
  end)

  it("says why something was not done, and goes on", function()
    local status, out, err = script(past, [[
dispatch("ShipOrder", { order = "o-1" })
dispatch("PlaceOrdr", {})
dispatch("PlaceOrder", { order = 1 })
dispatch("PlaceOrder", { order = "o-1", total = 1 }, { after = 1 })
publish("OrderPaid", { order = "o-1" }, { stream = "Order-o-1", expected = 4 })
dispatch("PlaceOrder", { order = "o-1", total = 1 }, { wait_for = "by_status" })
position()
]], "--write")
    assert.same({ 1, "0\n" }, { status, out })
    assert.matches("line 1: error: unknown: there is no such order\n", err)
    assert.matches("line 2: error: unknown: there is no command 'PlaceOrdr'; did you mean", err)
    assert.matches("line 3: error: invalid: order: ", err)
    assert.matches("line 4: error: dispatch: 'after' is for send", err)
    assert.matches("line 5: error: conflict: ", err)
    assert.matches("line 6: error: usage: wait_for: projection 'by_status' does not run", err)
  end)

  it("is needed to change anything", function()
    assert.equal(0, (script(past, 'dispatch("PlaceOrder", { order = "o-1", total = 1 })',
      "--write")))
    local before = neap.read(folder .. "/shop.db")
    local status, out, err = script(past, [[
dispatch("PayOrder", { order = "o-1" })
publish("OrderPaid", { order = "o-1" }, { stream = "Order-o-1" })
send("PayOrder", { order = "o-1" })
]])
    local words = "changes the log, and the store was opened for reading: branch() makes a fork in "
      .. "memory; neap repl --write opens the store for writing, too\n"
    assert.same({ 1, "", "line 1: error: dispatch " .. words .. "line 2: error: publish " .. words
      .. "line 3: error: send " .. words }, { status, out, err })
    assert.equal(before, neap.read(folder .. "/shop.db"))
    for _, option in ipairs { "--react", "--config=" .. folder .. "/none" } do
      status, out, err = script(past, "", option)
      assert.same({ 2, "" }, { status, out })
      assert.truthy(err:find(" goes with --write", 1, true), err)
    end
  end)

  it("only looks at changed code", function()
    local status, out, err = script(past, [[
dispatch("PlaceOrder", { order = "o-1", total = 7 }).version
reload { keep = false }
reload()
]], "--write")
    assert.same({ 1, "1\n" .. past .. ", positions 1 to 1; the session stays with the code that it "
      .. "has\nno difference: Order 1, by_status 1, decisions 1\n" }, { status, out })
    assert.matches("line 3: error: reload: commands of this session are decided by the code", err)
  end)

  it("says who has the store", function()
    local writer = neap.start { "run", past, "--store", store }
    finally(function() writer:cleanup() end)
    writer:send '{"command":"PlaceOrder","data":{"order":"o-1","total":1}}\n'
    writer:lines(1)
    local status, out, err = script(past, "position()", "--write")
    assert.same({ 3, "" }, { status, out })
    local pid = neap.read(writer.folder .. "/pid"):match "%d+"
    assert.truthy(err:find("process " .. pid .. " (", 1, true), err)
    assert.same({ 0, "1\n", "" }, { script(past, "position()") })
    assert.equal(0, writer:close())
  end)

  it("leaves what reacts to others, unless it shall run here", function()
    local shop, config = greeter(), "--config=" .. folder .. "/clerk.json"
    local greet = 'dispatch("Greet", { name = "bob" })\n'
    local status, out, err = script(shop, greet .. "position()", "--write", config)
    assert.same({ 0, "" }, { status, err })
    assert.equal('1  TIME  Guest-bob 1  Greeted  { by = "ada", name = "bob" }\n1\n', out)
    status, out, err = script(shop, greet
      .. 'follow({ from = 1, timeout = 60 }, function(e) return e.name == "echo" end)', "--write",
      "--react", config)
    assert.same({ 0, "" }, { status, err })
    assert.truthy(out:find('name = "echo"', 1, true), out)
    status, out, err = script(shop, greet, "--write", "--config=" .. folder .. "/none.json")
    assert.same({ 2, "" }, { status, out })
    assert.truthy(err:find("none.json", 1, true), err)
  end)

  it("says in its prompt that it writes, and is not held up by what takes long", function()
    neap.write(folder .. "/scenario", [[
wait shop@0 (write)>
type dispatch("Greet", { name = "bob" })\r
wait Guest-bob 1
wait shop@1 (write)>
type print(6 * 7); dispatch("Nap", { seconds = 4 })\r
wait 42
type \cC
wait interrupted: it was handed over, and may still take effect
wait shop@1 (write)>
type quit()\r
end
]])
    local line = "env -u NEAP_STORE TERM=xterm NEAP_HISTORY= %s 100 %s <%s >%s 2>&1"
    local status = neap.shell(line:format(neap.quote(terminal), neap.line { "repl", greeter(),
      "--store", store, "--write", "--config", folder .. "/clerk.json" }, folder .. "/scenario",
      folder .. "/shown"))
    assert(status == 0, neap.read(folder .. "/shown"))
  end)
end)
