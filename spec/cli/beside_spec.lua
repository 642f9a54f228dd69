-- The command beside other processes: readers while it writes, signals, pipes that end.
local json = require "dkjson"
local neap = require "neap_command"

local shop = "fixtures/shop.lua"

local function place(id)
  local data = ('{"order_id":"%s","customer":"ada","total":1}'):format(id)
  return '{"command":"PlaceOrder","data":' .. data .. "}\n"
end

describe("neap beside other processes", function()
  local folder, store, writer, follower

  before_each(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/shop.db"
    writer = neap.start { "run", shop, "--store", store }
  end)

  after_each(function()
    writer:cleanup()
    if follower then
      follower:cleanup()
      follower = nil
    end
    neap.remove(folder)
  end)

  -- Runs lines of shell in the folder.
  local function shell_script(lines)
    local words = {
      HERE = neap.quote(neap.here()),
      RUN = neap.line { "run", shop, "--store", store },
      EVENTS = neap.line { "events", "--store", store },
    }
    local script = table.concat(lines, "\n"):gsub("%u%u%u+", words)
    neap.write(folder .. "/script", script)
    neap.shell(("cd %s && timeout 120 sh script 2>/dev/null"):format(folder))
  end

  it("gives a receipt at once, while the input goes on", function()
    writer:send(place "o-1")
    assert.is_true(json.decode(writer:lines(1)[1]).ok)
    writer:send(place "o-2")
    assert.equal(2, json.decode(writer:lines(2)[2]).position)
    assert.equal(0, writer:close())
    assert.equal("neap: 2 commands: 2 done, 0 refused\n", writer:err())
  end)

  it("takes a line in pieces", function()
    local line = place "o-1"
    writer:send(line:sub(1, 20))
    writer:send(line:sub(21))
    assert.is_true(json.decode(writer:lines(1)[1]).ok)
    assert.equal(0, writer:close())
  end)

  it("reads a store that another process writes", function()
    writer:send(place "o-1")
    writer:lines(1)
    local status, out = neap.run { "events", "--store", store, "--stream", "Order-o-1" }
    assert.same({ 0, 1 }, { status, json.decode(out).version })
    status, out = neap.run { "state", shop, "Order", "o-1", "--at", "1", "--store", store }
    assert.same({ 0, '{"status":"placed","total":1}\n' }, { status, out })
    status, out = neap.run { "query", shop, "GetOrder", '{"order_id":"o-1"}', "--store", store }
    assert.same({ 0, '{"status":"placed","total":1}\n' }, { status, out })
    assert.equal(0, (neap.run { "verify", "--store", store }))
    writer:send(place "o-2")
    writer:lines(2)
    assert.equal(0, writer:close())
  end)

  it("refuses a second writer, and says who holds the store", function()
    writer:send(place "o-1")
    writer:lines(1)
    local status, out, err = neap.run({ "run", shop, "--store", store }, { stdin = place "o-2" })
    assert.same({ 3, "" }, { status, out })
    local pid = neap.read(writer.folder .. "/pid"):match "%d+"
    assert.truthy(err:find(pid, 1, true), err)
    assert.equal(0, writer:close())
  end)

  for _, name in ipairs { "INT", "TERM" } do
    it("follows the log until SIG" .. name .. ", which is its proper end", function()
      writer:send(place "o-1")
      writer:lines(1)
      follower = neap.start { "events", "--store", store, "--follow", "--type", "OrderPlaced" }
      assert.equal(1, json.decode(follower:lines(1)[1]).position)
      writer:send('{"command":"ShipOrder","data":{"order_id":"o-1"}}\n' .. place "o-2")
      assert.equal(3, json.decode(follower:lines(2)[2]).position)
      follower:signal(name)
      assert.equal(0, follower:ended())
      assert.equal("", follower:err())
      assert.equal(0, writer:close())
    end)
  end

  for name, expected in pairs { INT = 130, TERM = 143 } do
    it("finishes what it has read when SIG" .. name .. " comes", function()
      writer:send(place "o-1" .. place "o-2" .. place "o-3")
      writer:lines(3)
      writer:signal(name)
      assert.equal(expected, writer:ended())
      assert.equal("neap: 3 commands: 3 done, 0 refused\n", writer:err())
      local _, out = neap.run { "events", "--store", store }
      assert.equal(3, select(2, out:gsub("\n", "")))
      assert.equal(0, (neap.run { "verify", "--store", store }))
    end)
  end

  it("ends at once at the second signal", function()
    assert.equal(0, writer:close())
    local commands = {}
    for i = 1, 1000 do
      commands[i] = place("o-" .. i)
    end
    neap.write(folder .. "/commands", table.concat(commands))
    -- Nobody reads the receipts, so that the first signal has to wait for ever.
    shell_script {
      "mkfifo in out",
      "exec 3<>in 4<>out",
      "(cd HERE; exec RUN 3>&- 4>&-) <in >out 2>err &",
      "cat commands >&3",
      'until test "$(EVENTS | wc -l)" = 1000; do sleep 0.05; done',
      "run=$!",
      "kill -INT $run",
      "while sleep 0.05; do kill -TERM $run; done &",
      "wait $run",
      "echo $? >status",
      "kill $!",
    }
    -- Two signals that come together may be taken in either order.
    local status = neap.read(folder .. "/status")
    assert.truthy(status == "143\n" or status == "130\n", status)
    assert.equal("", neap.read(folder .. "/err"))
  end)

  it("stops reading when the reader of its receipts has gone", function()
    assert.equal(0, writer:close())
    neap.write(folder .. "/commands", place "o-1")
    -- The shell holds the input open: only the lost reader can end the command.
    shell_script {
      "mkfifo in",
      "exec 3<>in",
      "{ (cd HERE; exec RUN 3>&-) <in 2>err; echo $? >status; } | head -1 >out &",
      "cat commands >&3",
      "wait",
    }
    assert.equal("1\n", neap.read(folder .. "/status"))
    assert.is_true(json.decode(neap.read(folder .. "/out")).ok)
    assert.equal("neap: 1 command: 1 done, 0 refused\n", neap.read(folder .. "/err"))
  end)

  it("leaves a store that can be used after kill -9", function()
    writer:send(place "o-1")
    writer:lines(1)
    writer:signal "KILL"
    assert.equal(137, writer:ended())
    assert.equal(0, (neap.run { "verify", "--store", store }))
    local status, out = neap.run({ "run", shop, "--store", store }, { stdin = place "o-2" })
    assert.same({ 0, 2 }, { status, json.decode(out).position })
  end)
end)
