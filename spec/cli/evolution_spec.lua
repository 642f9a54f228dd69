local neap = require "neap_command"

local function version(n) return ("fixtures/evolution/v%d.lua"):format(n) end

describe("a store that a domain's first version wrote", function()
  local folder, store

  local function run(n, ...)
    local status, out = neap.run({ "run", version(n), "--quiet", "--store", store },
      { stdin = table.concat({ ... }, "\n") .. "\n" })
    return out, status
  end

  local function state(n, aggregate, id, ...)
    local status, out, err = neap.run { "state", version(n), aggregate, id, "--store", store, ... }
    assert.equal("", err)
    assert.equal(0, status)
    return out
  end

  before_each(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/shop.db"
    local _, status = run(1,
      '{"command":"PlaceOrder","data":{"order_id":"o-1","customer":"ada","total":10}}',
      '{"command":"ChangeOrder","data":{"order_id":"o-1","total":12,"note":"one more"}}',
      '{"command":"PlaceOrder","data":{"order_id":"o-2","customer":"bob","total":5}}',
      '{"command":"ChangeOrder","data":{"order_id":"o-2","note":"blue"}}',
      '{"command":"OpenCourse","data":{"course":"logic","seats":"2"}}',
      '{"command":"Enrol","data":{"course":"logic","student":"ada"}}')
    assert.equal(0, status)
    _, status = run(2,
      '{"command":"PlaceOrder","data":{"order_id":"o-3","client":"cyd","total":7}}')
    assert.equal(0, status)
  end)

  after_each(function() neap.remove(folder) end)

  it("is read by its third", function()
    assert.equal(
      '{"cents":1200,"client":"ada","note":"one more","notes":1,"status":"accepted"}\n',
      state(3, "Order", "o-1"))
    assert.equal('{"cents":500,"client":"bob","note":"blue","notes":1,"status":"accepted"}\n',
      state(3, "Order", "o-2"))
    assert.equal('{"cents":1000,"client":"ada","notes":0,"status":"accepted"}\n',
      state(3, "Order", "o-1", "--at", "2"))
    assert.equal('{"cents":700,"client":"cyd","notes":0,"status":"accepted"}\n',
      state(3, "Order", "o-3"))
    assert.equal('{"courses":1,"free":1}\n',
      state(3, "Enrolment", '{"course":"logic","student":"ada"}'))
  end)

  it("is continued by its third", function()
    local out = run(3,
      '{"command":"AcceptOrder","data":{"order_id":"o-1","client":"eve","cents":1}}',
      '{"command":"Reprice","data":{"order_id":"o-1","by":34}}',
      '{"command":"AcceptOrder","data":{"order_id":"o-4","client":"eve","cents":1}}',
      '{"command":"TakeSeat","data":{"course":"logic","student":"bob"}}',
      '{"command":"TakeSeat","data":{"course":"logic","student":"cyd"}}')
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.truthy(lines[1]:find('"code":"already_accepted"', 1, true), out)
    assert.truthy(lines[2]:find('"stream":"Order-o-1","version":4', 1, true), out)
    assert.truthy(lines[3]:find('"stream":"Order-o-4","version":1', 1, true), out)
    assert.truthy(lines[4]:find('"stream":"Enrolment-logic","version":3', 1, true), out)
    assert.truthy(lines[5]:find('"code":"full"', 1, true), out)
    assert.equal('{"cents":1234,"client":"ada","note":"one more","notes":1,"status":"accepted"}\n',
      state(3, "Order", "o-1"))
    local _, log = neap.run { "events", "--stream", "Order-o-4", "--store", store }
    assert.truthy(log:find('"type":"OrderAccepted","schema":3', 1, true), log)
    assert.equal(0, (neap.run { "verify", "--store", store }))
  end)

  it("has nothing that its third cannot read", function()
    local status, out, err = neap.run { "check", version(3), "--store", store }
    assert.same({ 0, "" }, { status, out })
    assert.equal("neap: shop: 9 events: 7 upcast, 2 retired; nothing wrong\n", err)
  end)

  it("has what its second cannot read", function()
    local status, out, err = neap.run { "check", version(2), "--store", store }
    assert.equal(1, status)
    assert.equal(
      "TYPE          SCHEMA  EVENTS  FIRST  LAST  READ  WHY\n" ..
      "CourseOpened       1       1      7     7  no    the domain has no such event; " ..
        "did you mean 'CartOpened'?\n" ..
      "Enrolled           1       1      8     8  no    the domain has no such event\n", out)
    assert.equal("neap: shop: 9 events: 3 current, 2 upcast, 2 retired, 2 unreadable\n", err)
  end)

  it("is not read by its first once its third has gone on", function()
    run(3, '{"command":"AcceptOrder","data":{"order_id":"o-1x","client":"eve","cents":1}}',
      '{"command":"Reprice","data":{"order_id":"o-2","by":1}}')
    local status, out, err = neap.run { "check", version(1), "--store", store }
    assert.equal(1, status)
    assert.truthy(out:find "\nOrderAccepted +3 +1 +10 +10  no    the domain has no such event", out)
    assert.truthy(out:find "\nOrderPlaced +2 +1 +9 +9  no    the domain reads schema version 1\n",
      out)
    assert.truthy(err:find("3 unreadable", 1, true), err)
    out = run(1, '{"command":"ChangeOrder","data":{"order_id":"o-2","note":"x"}}',
      '{"command":"ChangeOrder","data":{"order_id":"o-3","note":"x"}}')
    assert.truthy(out:find("the stored event 'OrderPriced', schema version 1, at position 11 " ..
      "(Order-o-2, 4): the domain has no such event", 1, true), out)
    assert.truthy(out:find("the stored event 'OrderPlaced', schema version 2, at position 9 " ..
      "(Order-o-3, 1): the domain reads schema version 1", 1, true), out)
    assert.truthy(out:find('"code":"corrupt"', 1, true), out)
  end)

  it("is checked beside whoever writes", function()
    local writer = neap.start { "run", version(3), "--quiet", "--store", store }
    finally(function() writer:cleanup() end)
    writer:send '{"command":"Reprice","data":{"order_id":"o-1","by":1}}\n'
    writer:lines(1)
    local status, out, err = neap.run { "check", version(3), "--store", store }
    assert.same({ 0, "" }, { status, out })
    assert.truthy(err:find("10 events: 1 current, 7 upcast", 1, true), err)
    writer:send '{"command":"Reprice","data":{"order_id":"o-1","by":1}}\n'
    writer:lines(2)
    assert.equal(0, writer:close())
  end)
end)

describe("neap check --store", function()
  it("tells what today's schema refuses, which is no failure", function()
    local folder = neap.folder()
    finally(function() neap.remove(folder) end)
    local store = "sqlite:" .. folder .. "/shop.db"
    neap.write(folder .. "/old.lua", [[
      local neap = require "neap"
      local old = neap.domain "old"
      local Placed = old:event "Placed" { id = "integer" }
      old:handle(old:command "Place" {}, function(_, context)
        context:publish(Placed { id = 5 }, { stream = "Order-5" })
      end)
      return old]])
    neap.write(folder .. "/new.lua", [[
      local neap = require "neap"
      local new = neap.domain "new"
      print "loading"
      new:event "Placed" { id = "string" }
      new:command "NobodyHandles" {}
      return new]])
    assert.equal(0, (neap.run({ "run", folder .. "/old.lua", "--quiet", "--store", store },
      { stdin = '{"command":"Place","data":{}}\n' })))
    local status, out, err = neap.run { "check", folder .. "/new.lua", "--store", store }
    assert.equal(0, status)
    assert.equal("TYPE    SCHEMA  EVENTS  FIRST  LAST  READ  WHY\n" ..
      "Placed       1       1      1     1  yes   today's schema refuses it: id: expected " ..
      "string, got integer 5\n", out)
    assert.equal("neap: loading\nneap: warning: new: 1 event: 1 refused by today's schema " ..
      "but read\n", err)
  end)

  it("tells damaged data from data of another shape", function()
    local folder = neap.folder()
    finally(function() neap.remove(folder) end)
    local path = folder .. "/shop.db"
    assert.equal(0, (neap.run({ "run", version(1), "--quiet", "--store", "sqlite:" .. path }, {
      stdin = '{"command":"PlaceOrder","data":{"order_id":"o-1","customer":"ada","total":10}}\n' ..
        '{"command":"ChangeOrder","data":{"order_id":"o-1","total":12}}\n' })))
    neap.change(path, "UPDATE events SET data = '{\"order_id\"' WHERE position > 1")
    for _, n in ipairs { 1, 3 } do
      local status, out = neap.run { "check", version(n), "--store", "sqlite:" .. path }
      assert.equal(1, status)
      for _, kind in ipairs { "OrderPlaced  ", "OrderChanged" } do
        assert.truthy(out:find("\n" .. kind .. " +1 +1 +%d +%d  no    its data is no JSON: "), out)
      end
    end
  end)

  it("needs the store that it is given", function()
    local status, out, err = neap.run { "check", version(3), "--store", "sqlite:/nowhere/x.db" }
    assert.same({ 3, "" }, { status, out })
    assert.truthy(err:find("/nowhere/x.db", 1, true), err)
    status = neap.run { "check", version(3), "--store", "nosql:x" }
    assert.equal(2, status)
  end)

  it("leaves a store alone that the environment names", function()
    local status, out = neap.run({ "check", version(3) },
      { environment = "NEAP_STORE=sqlite:/nowhere/x.db" })
    assert.equal(0, status)
    assert.truthy(out:find("event      OrderAccepted", 1, true), out)
  end)
end)
