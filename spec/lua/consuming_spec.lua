-- runtime:consume: what an outbox sent to NATS JetStream becomes commands elsewhere.

local domains = require "spec.lua.domains"
local neap = require "neap"

local DEADLINE_S = 60

local function shell(line)
  local pipe <close> = assert(io.popen(line))
  return pipe:read "a"
end

local program = shell [[PATH="$PATH:/usr/sbin:/usr/local/sbin"; command -v nats-server]]
  :match "%S+"

-- A server in a folder of its own, on a port that is free.
local function start_server()
  local folder = shell "mktemp -d":match "%S+"
  local options = ("-js -a 127.0.0.1 -p -1 -sd %s/js --ports_file_dir %s"):format(folder, folder)
  local pid = shell(("%s %s >%s/log 2>&1 & echo $!"):format(program, options, folder)):match "%d+"
  local ends = os.time() + DEADLINE_S
  local url
  repeat
    local file <close> = io.open(("%s/nats-server_%s.ports"):format(folder, pid))
    local port = file and file:read "a":match "127%.0%.0%.1:(%d+)"
    url = port and "nats://127.0.0.1:" .. port
    assert(os.time() < ends, "the server does not say its port")
  until url
  return { folder = folder, pid = pid, url = url }
end

local function stop_server(server)
  os.execute(("kill -9 %s; rm -rf %s"):format(server.pid, server.folder))
end

local shop = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string", total = "integer" }
shop:command "Place" { id = "string", total = "integer" }
shop:aggregate "Order" {
  key = "id",
  initial = {},
  commands = { Place = function(_, command) return Placed(command) end },
  events = { Placed = function() end },
}
shop:outbox "partners" { to = "%s?stream=SHOP&create" }
return shop
]]

local ledger = [[
local neap = require "neap"
local ledger = neap.domain "ledger"
local Recorded = ledger:event "Recorded" { id = "string", total = "integer" }
ledger:command "Record" { id = "string", total = "integer" }
ledger:aggregate "Sale" {
  key = "id",
  initial = { sum = 0 },
  commands = { Record = function(_, command)
    if command.total < 0 then return neap.reject("negative", "nothing is paid back") end
    return Recorded(command)
  end },
  events = { Recorded = function(sale, event) sale.sum = sale.sum + event.total end },
}
return ledger
]]

describe("a runtime that consumes", function()
  local server, outgoing, incoming

  before_each(function()
    if not program then return end
    server = start_server()
    outgoing = assert(domains.open(shop:format(server.url)))
    incoming = assert(domains.open(ledger))
  end)

  after_each(function()
    if not program then return end
    outgoing:close()
    incoming:close()
    stop_server(server)
  end)

  local function with_server(name, body)
    it(name, function()
      if not program then return pending "nats-server is not installed" end
      body()
    end)
  end

  local function from(options)
    return server.url .. "?stream=SHOP&consumer=ledger" .. (options or "")
  end

  local function place(id, total)
    assert(outgoing:dispatch("Place", { id = id, total = total }))
  end

  local function await(consumer, name, count)
    local ends = os.time() + DEADLINE_S
    while consumer:stats()[name] < count do
      assert(os.time() < ends, name .. " did not come to " .. count)
      incoming:drain()
    end
  end

  with_server("makes commands of messages, once each", function()
    for i = 1, 20 do place("o-" .. i % 2, i) end
    assert(outgoing:drain())
    local consumer <close> = assert(incoming:consume(from(), { commands = { Placed = "Record" } }))
    await(consumer, "done", 20)
    assert.same({ sum = 110 }, assert(incoming:state("Sale", "o-0")))
    assert.same({ sum = 100 }, assert(incoming:state("Sale", "o-1")))
    consumer:close()
    assert.same({ done = 20, repeated = 0, rejected = 0, ended = 0, again = 0 }, consumer:stats())
  end)

  with_server("goes on though nobody holds the consumer, until it closes", function()
    assert(incoming:consume(from(), { commands = { Placed = "Record" } }))
    collectgarbage()
    collectgarbage()
    place("o-1", 5)
    assert(outgoing:drain())
    local ends = os.time() + DEADLINE_S
    repeat
      local sale = incoming:state("Sale", "o-1")
      assert(os.time() < ends, "nothing came")
    until sale and sale.sum == 5
  end)

  with_server("tells what it could not make commands of", function()
    place("o-1", -1)
    place("o-1", 7)
    assert(outgoing:drain())
    local consumer <close> = assert(incoming:consume(from(), { commands = { Placed = "Record" } }))
    await(consumer, "done", 1)
    assert.equal(1, consumer:stats().rejected)
    local other <close> = assert(incoming:consume(server.url .. "?stream=SHOP&consumer=other"))
    await(other, "ended", 2) -- there is no command Placed
  end)

  with_server("says what is wrong with its options", function()
    local function refused(...)
      local consumer, err = incoming:consume(...)
      assert.is_nil(consumer)
      return err
    end
    assert.equal("usage", refused(server.url).code)
    assert.equal("unknown", refused("kafka://h").code)
    assert.equal("usage", refused(from(), { pending = 0 }).code)
    assert.equal("invalid", refused(from(), { commands = { Placed = 1 } }).code)
    assert.has_error(function() incoming:consume() end)
    assert.has_error(function() incoming:consume(from(), { comands = {} }) end)
    assert.has_error(function() incoming:consume(from(), { commands = "x" }) end)
  end)
end)

describe("a runtime without lanes", function()
  it("cannot consume", function()
    local runtime <close> = assert(domains.open(ledger, { lanes = 0 }))
    local consumer, err = runtime:consume "nats://h?stream=S&consumer=c"
    assert.is_nil(consumer)
    assert.equal("usage", err.code)
    assert.truthy(err.message:find("open it with lanes", 1, true))
    assert.truthy(neap)
  end)
end)
