-- What looking leaves as it was: everything.

local neap = require "neap_command"

local past = "fixtures/past.lua"

-- Every verb that looks or moves.
local verbs = [[
events { limit = 2 }
event(2)
streams()
at(0)
step(2)
back()
go(2)
find "OrderShipped"
until_change("Order", "o-2", "status")
until_change("Order", "o-1", "status", { backward = true })
watch("Order", "o-1")
watch("by_status", "paid")
at()
unwatch()
state("Order", "o-1")
state("Order", "o-1", 1)
document("by_status", "paid")
list "by_status"
query("CountOrders", { status = "paid" })
why("Order", "o-1", "status")
trace(5)
diff("Order", "o-1", 1, 2)
diff("by_status", "paid", 1)
fixture("Order", "o-2")
definitions()
subscriptions()
]]

local function command(name, order)
  local data = name == "PlaceOrder" and ',"total":1' or ""
  return ('{"command":"%s","data":{"order":"%s"%s}}\n'):format(name, order, data)
end

local history = command("PlaceOrder", "o-1") .. command("PlaceOrder", "o-2")
  .. command("PayOrder", "o-1") .. command("ShipOrder", "o-1") .. command("ShipOrder", "o-2")

describe("neap repl, without --write,", function()
  local folder, store, file

  before_each(function()
    folder = neap.folder()
    file = folder .. "/shop.db"
    store = "sqlite:" .. file
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function looks()
    local status, out, err = neap.run({ "repl", past, "--store", store }, { stdin = verbs })
    assert.same({ 0, "" }, { status, err })
    return out
  end

  -- All files of the folder: names, sizes, and when their contents changed.
  local function listing()
    local pipe <close> = assert(io.popen("cd '" .. folder .. "' && stat -c '%n %s %y' -- *"))
    return pipe:read "a"
  end

  it("leaves a store that nobody has open to the byte, and nothing beside it", function()
    assert.equal(0, (neap.run({ "run", past, "--store", store, "--quiet" }, { stdin = history })))
    local bytes, files = neap.read(file), listing()
    looks()
    assert.equal(files, listing())
    assert.equal(bytes, neap.read(file))
  end)

  it("reads what a killed writer left, and leaves it for the next one", function()
    local log = file .. "-wal"
    neap.wait("a log that its writer left behind", function()
      local writer = neap.start { "run", past, "--store", store }
      writer:send(history)
      writer:lines(5)
      writer:signal "KILL"
      writer:ended()
      writer:cleanup()
      return #neap.read(log) > 0
    end)
    local bytes, logged = neap.read(file), neap.read(log)
    local out = looks()
    assert.truthy(out:find('OrderShipped  { order = "o-2" }', 1, true), out)
    assert.equal(bytes, neap.read(file))
    assert.equal(logged, neap.read(log))
    assert.equal(0, (neap.run { "verify", "--store", store }))
    assert.equal(logged, neap.read(log))
  end)
end)
