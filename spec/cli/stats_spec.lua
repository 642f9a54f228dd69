local json = require "dkjson"
local neap = require "neap_command"

local shop = "fixtures/shop.lua"

describe("neap stats", function()
  local folder, store

  setup(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/shop.db"
    local input = {}
    for i = 1, 1200 do
      input[i] = ('{"command":"PlaceOrder","data":{"order_id":"o-%d","customer":"ada",' ..
        '"total":1},"key":"k-%d"}\n'):format(i, i)
    end
    input[#input + 1] = '{"command":"ShipOrder","data":{"order_id":"o-7"}}\n'
    local status = neap.run({ "run", shop, "--store", store }, { stdin = table.concat(input) })
    assert.equal(0, status)
  end)

  teardown(function()
    neap.remove(folder)
  end)

  it("prints aligned figures for people", function()
    local status, out, err = neap.run { "stats", "--store", store }
    assert.same({ 0, "" }, { status, err })
    for _, wanted in ipairs {
      "events     1,201\n",
      "streams    1,200, of 1.0 events on average, 2 at most\n",
      "commands   1,201\n",
      "keys       1,200\n",
      "snapshots  0\n",
      "documents  0\n",
      "lately     1,201 in the last hour, 1,201 in the last day\n",
      "\n\nTYPE          SCHEMA  EVENTS   SHARE  FIRST   LAST      DATA\n" ..
        "OrderPlaced        1   1,200  99.9 %      1  1,200  ",
      "\nOrderShipped       1       1   0.1 %  1,201  1,201  18 bytes\n",
      "\n\nCATEGORY  STREAMS  EVENTS  AVERAGE\nOrder       1,200   1,201      1.0\n",
      "\n\nLONGEST STREAMS  EVENTS   LAST\nOrder-o-7             2  1,201\n",
    } do
      assert.truthy(out:find(wanted, 1, true), wanted .. "\nis not in\n" .. out)
    end
    assert.truthy(out:find "\nsize       [%d.]+ KiB.-; [%d.]+ [%a]+ an event, %d+ bytes of that")
    assert.truthy(out:find "\nfirst      %d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d UTC\n")
  end)

  it("prints one JSON object for machines", function()
    local status, out, err = neap.run { "stats", "--store", store, "--json" }
    assert.same({ 0, "" }, { status, err })
    local stats = assert(json.decode(out))
    assert.equal(1, select(2, out:gsub("\n", "")))
    assert.same({ 1201, 1200, 1201, 1200, 0, 0 }, {
      stats.events, stats.streams, stats.commands, stats.keys, stats.snapshots,
      stats.tagged_events,
    })
    assert.equal("OrderPlaced", stats.types[1].type)
    assert.same({ type = "OrderShipped", schema = 1, events = 1, first = 1201, last = 1201,
      data_bytes = 18 }, stats.types[2])
    assert.equal(stats.data_bytes, stats.types[1].data_bytes + 18)
    assert.same({ { category = "Order", streams = 1200, events = 1201 } }, stats.categories)
    assert.equal(10, #stats.longest_streams)
    assert.same({ stream = "Order-o-7", events = 2, last = 1201 }, stats.longest_streams[1])
    local size = #neap.read(folder .. "/shop.db")
    assert.equal(size, stats.store_bytes - stats.log_bytes)
    assert.truthy(stats.first_at:match "^%d%d%d%d%-%d%d%-%d%dT")
  end)

  it("counts what is committed while another process writes", function()
    local beside = "sqlite:" .. folder .. "/beside.db"
    local writer = neap.start { "run", shop, "--store", beside }
    finally(function() writer:cleanup() end)
    for i = 1, 3 do
      writer:send(('{"command":"PlaceOrder","data":{"order_id":"o-%d","customer":"ada",' ..
        '"total":1}}\n'):format(i))
      writer:lines(i)
      local status, out, err = neap.run { "stats", "--store", beside, "--json" }
      assert.same({ 0, "" }, { status, err })
      assert.equal(i, json.decode(out).events)
    end
    assert.equal(0, writer:close())
  end)

  it("prints what there is of an empty store", function()
    local empty = "sqlite:" .. folder .. "/empty.db"
    assert.equal(0, (neap.run { "run", shop, "--store", empty }))
    local status, out, err = neap.run { "stats", "--store", empty }
    assert.same({ 0, "" }, { status, err })
    assert.truthy(out:find("^events     0\nstreams    0\ncommands   0\nkeys       0\n"), out)
    assert.is_nil(out:find("TYPE", 1, true))
    assert.is_nil(out:find("rate", 1, true))
  end)

  it("says how many rows it does not show", function()
    local wide = folder .. "/wide.lua"
    neap.write(wide, [[
      local neap = require "neap"
      local wide = neap.domain "wide"
      local Done = wide:event "Done" {}
      wide:handle(wide:command "Do" { at = "string" }, function(command, context)
        context:publish(Done {}, { stream = command.at })
      end)
      return wide
    ]])
    local input = {}
    for i = 1, 50 do input[i] = ('{"command":"Do","data":{"at":"alone%d"}}\n'):format(i) end
    local url = "sqlite:" .. folder .. "/wide.db"
    assert.equal(0, (neap.run({ "run", wide, "--store", url }, { stdin = table.concat(input) })))
    local _, out = neap.run { "stats", "--store", url }
    assert.truthy(out:find("\nalone40         1       1      1.0\n… and 10 more\n", 1, true), out)
  end)

  it("needs a store that can be read", function()
    local status, out, err = neap.run { "stats", "--store", "sqlite:" .. folder .. "/missing.db" }
    assert.same({ 3, "" }, { status, out })
    assert.truthy(err:find("missing.db", 1, true), err)
    local damaged = folder .. "/damaged.db"
    assert.equal(0, neap.shell(("cp %s/shop.db %s"):format(folder, damaged)))
    neap.change(damaged, "DELETE FROM types")
    status, out, err = neap.run { "stats", "--store", "sqlite:" .. damaged }
    assert.same({ 3, "" }, { status, out })
    assert.truthy(err:find("there is no name of the type with the number", 1, true), err)
  end)

  it("notices that its output cannot be written", function()
    local status, _, err = neap.run({ "stats", "--store", store }, { out = ">/dev/full" })
    assert.same({ 1, "neap: cannot write to stdout: No space left on device\n" }, { status, err })
  end)
end)
