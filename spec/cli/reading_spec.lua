local json = require "dkjson"
local neap = require "neap_command"

local shop = "fixtures/shop.lua"

describe("a store that was written", function()
  local folder, store

  setup(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/shop.db"
    local input = {}
    for i = 1, 5 do
      input[#input + 1] = ('{"command":"PlaceOrder","data":{"order_id":"o-%d","customer":"ada",' ..
        '"total":%d}}\n'):format(i, i * 100)
    end
    input[#input + 1] = '{"command":"ShipOrder","data":{"order_id":"o-1","tracking":"t"}}\n'
    input[#input + 1] = '{"command":"ShipOrder","data":{"order_id":"o-3"}}\n'
    local status = neap.run({ "run", shop, "--store", store }, { stdin = table.concat(input) })
    assert.equal(0, status)
  end)

  teardown(function()
    neap.remove(folder)
  end)

  -- The positions that `neap events` gives, as text.
  local function positions(...)
    local status, out, err = neap.run { "events", "--store", store, ... }
    assert.same({ 0, "" }, { status, err })
    local found = {}
    for line in out:gmatch("([^\n]*)\n") do
      found[#found + 1] = assert(json.decode(line), line).position
    end
    return table.concat(found, " ")
  end

  describe("neap events", function()
    it("gives the whole log in order", function()
      assert.equal("1 2 3 4 5 6 7", positions())
    end)

    it("gives one event with its envelope", function()
      local _, out = neap.run { "events", "--store=" .. store, "--stream=Order-o-1", "--limit=1" }
      local event = json.decode(out)
      assert.same({ "OrderPlaced", "Order-o-1", 1, 1 },
        { event.type, event.stream, event.version, event.position })
      assert.same({ order_id = "o-1", customer = "ada", total = 100 }, event.data)
      assert.truthy(event.recorded_at:match "^%d%d%d%d%-%d%d%-%d%dT")
    end)

    it("gives a stream, a category, and types", function()
      assert.equal("1 6", positions("--stream", "Order-o-1"))
      assert.equal("1 2 3 4 5 6 7", positions("--category", "Order"))
      assert.equal("", positions("--category", "Ord"))
      assert.equal("", positions("--stream", "Order-none"))
      assert.equal("6 7", positions("--type", "OrderShipped"))
      assert.equal("1 2 3 4 5 6 7", positions("--type", "OrderShipped,OrderPlaced"))
      assert.equal("1 2 3 4 5 6 7", positions("--type", "OrderShipped", "--type=OrderPlaced"))
      assert.equal("6", positions("--stream", "Order-o-1", "--type", "OrderShipped"))
    end)

    it("gives a range of positions, or of a stream's versions", function()
      assert.equal("3 4", positions("--from", "3", "--to", "4"))
      assert.equal("6", positions("--stream", "Order-o-1", "--from", "2"))
      assert.equal("1", positions("--stream", "Order-o-1", "--to", "1"))
      assert.equal("", positions("--from", "99"))
    end)

    it("goes backward, and ends at the limit", function()
      assert.equal("7 6 5 4 3 2 1", positions("--backward"))
      assert.equal("7 6", positions("--backward", "--limit", "2"))
      assert.equal("4 3", positions("--backward", "--from", "3", "--to", "4"))
      assert.equal("1 2 3", positions("--limit", "3"))
    end)

    it("ends when it follows and the limit is reached", function()
      assert.equal("1 2", positions("--follow", "--limit", "2"))
    end)

    it("ends quietly when nobody reads on", function()
      local line = neap.line { "events", "--store", store, "--follow" }
      neap.shell(("{ timeout 120 %s 2>%s/err; echo $? >%s/status; } | head -1 >/dev/null"):format(
        line, folder, folder))
      assert.equal("", neap.read(folder .. "/err"))
      assert.equal("1\n", neap.read(folder .. "/status"))
    end)

    it("notices that its output cannot be written", function()
      local status, _, err = neap.run({ "events", "--store", store }, { out = ">/dev/full" })
      assert.equal(1, status)
      assert.equal("neap: cannot write to stdout: No space left on device\n", err)
    end)
  end)

  describe("neap state", function()
    local function state(...)
      return neap.run { "state", shop, ... }
    end

    it("gives what the events fold to", function()
      local status, out, err = state("Order", "o-1", "--store", store)
      assert.same({ 0, '{"status":"shipped","total":100}\n', "" }, { status, out, err })
    end)

    it("gives what they folded to at a version", function()
      local status, out = state("Order", "o-1", "--at", "1", "--store", store)
      assert.same({ 0, '{"status":"placed","total":100}\n' }, { status, out })
    end)

    it("refuses an aggregate, a stream and a version that there is not", function()
      for _, case in ipairs {
        { "Ordr", "o-1", wanted = "Order" },
        { "Order", "none", wanted = "none" },
        { "Order", "o-1", "--at", "3", wanted = "3" },
      } do
        local status, out, err = state("--store", store, table.unpack(case))
        assert.same({ 1, "" }, { status, out })
        assert.truthy(err:find(case.wanted, 1, true), err)
      end
    end)
  end)

  describe("neap query", function()
    local function query(...)
      return neap.run { "query", shop, "--store", store, ... }
    end

    it("gives the answer", function()
      local status, out, err = query("GetOrder", '{"order_id":"o-2"}')
      assert.same({ 0, '{"status":"placed","total":200}\n', "" }, { status, out, err })
    end)

    it("takes a query without fields, and shows what the domain prints among the words", function()
      local status, out, err = query "GetNothing"
      assert.same({ 0, '{"nothing":true}\n' }, { status, out })
      assert.truthy(err:find("asked for nothing", 1, true), err)
    end)

    it("refuses what is not a query, or does not fit it", function()
      for _, case in ipairs {
        { "GetOrdr", '{"order_id":"o-2"}', wanted = "GetOrder" },
        { "GetOrder", "{}", wanted = "order_id" },
        { "GetOrder", '{"order_id":7}', wanted = "order_id" },
        { "GetOrder", '{"order_id":', wanted = "" },
        { "GetBroken", wanted = "this answer is broken" },
      } do
        local status, out, err = query(table.unpack(case))
        assert.same({ 1, "" }, { status, out })
        assert.truthy(err:find(case.wanted, 1, true), err)
      end
    end)
  end)

  describe("neap verify", function()
    it("finds nothing, and counts", function()
      local status, out, err = neap.run { "verify", "--store", store }
      assert.same({ 0, "" }, { status, out })
      assert.truthy(err:find("7 events of 2 types in 5 streams, 7 commands, 0 keys", 1, true), err)
      assert.truthy(err:find("nothing wrong", 1, true), err)
    end)

    it("prints what it finds", function()
      local damaged = folder .. "/damaged.db"
      assert.equal(0, neap.shell(("cp %s/shop.db %s"):format(folder, damaged)))
      neap.change(damaged, "DELETE FROM events WHERE position = 4")
      local status, out, err = neap.run { "verify", "--store", "sqlite:" .. damaged }
      assert.equal(1, status)
      assert.truthy(out:find("Position 5 follows position 3", 1, true), out)
      assert.truthy(err:find("%d+ findings\n$"), err)
    end)

    it("says that a store cannot be read", function()
      local foreign = folder .. "/foreign.db"
      neap.write(foreign, ("this is not a database "):rep(200))
      local status, out, err = neap.run { "verify", "--store", "sqlite:" .. foreign }
      assert.same({ 3, "" }, { status, out })
      assert.truthy(err:find("foreign.db", 1, true), err)
    end)
  end)

  it("must exist to be read", function()
    local missing = "sqlite:" .. folder .. "/missing.db"
    for _, arguments in ipairs {
      { "events" }, { "events", "--follow" }, { "verify" }, { "state", shop, "Order", "o-1" },
      { "query", shop, "GetNothing" },
    } do
      table.insert(arguments, "--store")
      table.insert(arguments, missing)
      local status, out, err = neap.run(arguments)
      assert.same({ 3, "" }, { status, out })
      assert.truthy(err:find("missing.db", 1, true), err)
      assert.truthy(err:find("`neap run` makes a new store", 1, true), err)
    end
    assert.not_equal(0, neap.shell("test -e " .. folder .. "/missing.db"))
  end)
end)
