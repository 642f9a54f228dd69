local json = require "dkjson"
local neap = require "neap_command"

local shop = "fixtures/shop.lua"

describe("neap timers", function()
  local folder, store

  before_each(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/shop.db"
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function run(line)
    return neap.run({ "run", shop, "--store", store, "--quiet" }, { stdin = line .. "\n" })
  end

  local place = '{"command":"PlaceOrder","data":{"order_id":"o-1","customer":"ada","total":1}'

  it("lists what waits as JSON lines", function()
    assert.equal(0, (run(place .. ',"after":3600,"name":"later"}')))
    assert.equal(0, (run(place .. ',"at":9000000000000000}')))
    local status, out, err = neap.run { "timers", "list", "--store", store }
    assert.same({ 0, "" }, { status, err })
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = assert(json.decode(line)) end
    assert.equal(2, #lines)
    assert.equal("later", lines[1].name)
    assert.equal("PlaceOrder", lines[1].command)
    assert.same({ order_id = "o-1", customer = "ada", total = 1 }, lines[1].data)
    assert.equal("2255-03-14T16:00:00.000000Z", lines[2].due_at)
    status, out = neap.run { "stats", "--store", store }
    assert.equal(0, status)
    assert.truthy(out:find("queued     2\n", 1, true), out)
    assert.truthy(out:find "next due   %d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d UTC\n", out)
  end)

  it("cancels by name", function()
    assert.equal(0, (run(place .. ',"after":3600,"name":"later"}')))
    assert.same({ 0, "", "" }, { neap.run { "timers", "cancel", "later", "--store", store } })
    local status, out, err = neap.run { "timers", "cancel", "later", "--store", store }
    assert.same({ 1, "" }, { status, out })
    assert.equal("neap: nothing in the queue has the name 'later'\n", err)
    assert.same({ 0, "", "" }, { neap.run { "timers", "list", "--store", store } })
  end)

  it("does what is due before `neap run` ends", function()
    local status, out = run(place .. ',"after":0}')
    assert.equal(0, status)
    local receipt = assert(json.decode(out))
    assert.same({}, receipt.events)
    status, out = neap.run { "events", "--store", store }
    assert.equal(0, status)
    assert.equal(receipt.command_id, assert(json.decode(out)).command_id)
  end)

  it("says what is wrong", function()
    local status, _, err = neap.run { "timers", "lst", "--store", store }
    assert.equal(2, status)
    assert.truthy(err:find("what is 'lst'? It is list or cancel", 1, true), err)
    status, _, err = neap.run { "timers", "cancel", "--store", store }
    assert.equal(2, status)
    assert.truthy(err:find("cancel needs the NAME", 1, true), err)
    status = neap.run { "timers", "list", "--store", store }
    assert.equal(3, status)
    local _, out = run(place .. ',"after":-1}')
    assert.truthy(out:find("after: expected a number of seconds", 1, true), out)
    _, out = run(place .. ',"after":1,"at":9000000000000000}')
    assert.truthy(out:find('"code":"usage"', 1, true), out)
  end)
end)
