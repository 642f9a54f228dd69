local json = require "dkjson"
local neap = require "neap_command"

local shop = "fixtures/shop.lua"

local function decode(out)
  local lines = {}
  for line in out:gmatch("([^\n]*)\n") do
    lines[#lines + 1] = assert(json.decode(line), line)
  end
  return lines
end

local function place(id, more)
  local data = ('{"order_id":"%s","customer":"ada","total":4200}'):format(id)
  return ('{"command":"PlaceOrder","data":%s%s}\n'):format(data, more or "")
end

describe("neap run", function()
  local folder, store

  before_each(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/shop.db"
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function run(stdin, ...)
    local status, out, err = neap.run({ "run", shop, "--store", store, ... }, { stdin = stdin })
    return status, decode(out), err, out
  end

  local function events(...)
    local status, out = neap.run { "events", "--store", store, ... }
    assert.equal(0, status)
    return decode(out)
  end

  -- The one line that is given for one line of input that is no good.
  local function refusal(line)
    local status, lines = run(line .. "\n")
    assert.equal(1, status)
    assert.equal(1, #lines)
    assert.is_false(lines[1].ok)
    assert.equal(1, lines[1].line)
    return lines[1].error, lines[1]
  end

  it("gives a receipt for a command, and has its event in the store", function()
    local status, lines, err = run(place "o-1")
    assert.equal(0, status)
    assert.equal("neap: 1 command: 1 done, 0 refused\n", err)
    local receipt = lines[1]
    assert.truthy(receipt.command_id:match "^%x+%-%x+%-7%x+%-%x+%-%x+$")
    assert.same({
      ok = true, line = 1, command = "PlaceOrder", stream = "Order-o-1", version = 1, position = 1,
      events = { "OrderPlaced" }, command_id = receipt.command_id, repeated = receipt.repeated,
    }, receipt)
    local stored = events()
    assert.equal(1, #stored)
    assert.same({ order_id = "o-1", customer = "ada", total = 4200 }, stored[1].data)
  end)

  it("gives a line for each line, in order, with code, path and reason", function()
    local status, lines, err = run(table.concat {
      place "o-1",
      '{"command":"PlaceOrder","data":{"order_id":\n',
      '{"command":"PlaceOrdr","data":{"order_id":"o-2"}}\n',
      '{"command":"PlaceOrder","data":{"order_id":"o-2","customer":"ada","total":"much"}}\n',
      place "o-1",
      '{"command":"ShipOrder","data":{"order_id":"o-1"}}\n',
      '{"command":"BreakOrder","data":{"order_id":"o-1"}}\n',
    })
    assert.equal(1, status)
    assert.equal("neap: 7 commands: 2 done, 4 refused, 1 failed\n", err)
    local codes = {}
    for i, line in ipairs(lines) do
      assert.equal(i, line.line)
      codes[i] = line.ok and "ok" or line.error.code
    end
    assert.same({ "ok", "invalid", "unknown", "invalid", "already_placed", "ok", "handler" }, codes)
    assert.equal(2, lines[2].error.line)
    assert.is_number(lines[2].error.column)
    assert.truthy(lines[2].error.message:find("(line 2, column", 1, true), lines[2].error.message)
    assert.truthy(lines[3].error.message:find("PlaceOrder", 1, true), lines[3].error.message)
    assert.equal("total", lines[4].error.path)
    assert.truthy(lines[4].error.message:find("integer", 1, true), lines[4].error.message)
    assert.equal("the order is already placed", lines[5].error.message)
    assert.same({ status = "placed" }, lines[5].error.details)
    assert.truthy(lines[7].error.message:find("this handler is broken", 1, true))
    assert.truthy(lines[7].error.traceback:find("shop.lua", 1, true))
    assert.equal("BreakOrder", lines[7].command)
    assert.equal(2, #events())
  end)

  it("points into the line where data is malformed", function()
    local line = '{"command":"PlaceOrder","data":{"order_id":"o-1","customer":7,"total":1}}'
    local found = refusal(line)
    assert.equal("invalid", found.code)
    assert.equal("customer", found.path)
    if found.column then
      assert.equal(1, found.line)
      assert.equal("7", line:sub(found.column, found.column))
    end
  end)

  it("refuses members that a line does not have", function()
    local found = refusal '{"command":"PlaceOrder","dta":{}}'
    assert.equal("invalid", found.code)
    assert.truthy(found.message:find("dta", 1, true), found.message)
  end)

  it("refuses a line without a command, or whose members are of the wrong kind", function()
    assert.equal("invalid", refusal('{"data":{}}').code)
    assert.equal("invalid", refusal('[]').code)
    assert.equal("invalid", refusal('"PlaceOrder"').code)
    for _, member in ipairs { '"command":7', '"command":null' } do
      assert.equal("command", refusal("{" .. member .. "}").path)
    end
    for _, name in ipairs { "key", "correlation_id", "causation_id" } do
      local line = place("o-1", (',"%s":7'):format(name)):gsub("\n", "")
      local found = refusal(line)
      assert.same({ "invalid", name }, { found.code, found.path })
      assert.equal("7", line:sub(found.column, found.column))
    end
    assert.equal("invalid", refusal((place("o-1", ',"data":[]'):gsub("\n", ""))).code)
    assert.same({}, events())
  end)

  it("refuses NUL bytes, invalid UTF-8 and NUL within names", function()
    assert.equal("invalid", refusal('{"command":"Place\0Order"}').code)
    assert.equal("invalid", refusal('{"command":"\xff\xfe"}').code)
    assert.equal("invalid", refusal('{"command":"PlaceOrder\\u0000"}').code)
    assert.equal("invalid", refusal('\0').code)
  end)

  it("takes null for a member that is left out", function()
    local status = run(place("o-1", ',"key":null,"meta":null,"correlation_id":null'))
    assert.equal(0, status)
  end)

  it("takes a last line without newline, carriage returns, and passes over blank lines", function()
    local status, lines, err = run("\n  \r\n" .. place("o-1"):gsub("\n", "\r\n") .. "\n" ..
      place("o-2"):gsub("\n", ""))
    assert.equal(0, status)
    assert.same({ 3, 5 }, { lines[1].line, lines[2].line })
    assert.equal("neap: 2 commands: 2 done, 0 refused\n", err)
  end)

  it("does nothing with empty input, but makes the store", function()
    local status, lines, err = run ""
    assert.same({ 0, {}, "neap: 0 commands: 0 done, 0 refused\n" }, { status, lines, err })
    assert.same({}, events())
  end)

  it("takes a command once for each key", function()
    local status, lines, err = run(place("o-1", ',"key":"k-1"'))
    assert.equal(0, status, err)
    local first = lines[1]
    status, lines, err = run(place("o-1", ',"key":"k-1"') .. place("o-2", ',"key":"k-1"'))
    assert.equal(1, status)
    assert.equal("neap: 2 commands: 1 done (1 before), 1 refused\n", err)
    assert.is_true(lines[1].repeated)
    assert.equal(first.position, lines[1].position)
    assert.equal("duplicate", lines[2].error.code)
    assert.equal(1, #events())
  end)

  it("keeps meta and correlation with the events", function()
    local id = "0192f0c1-2345-7abc-8def-0123456789ab"
    run(place("o-1", (',"meta":{"user":"ada"},"correlation_id":"%s"'):format(id)))
    local event = events()[1]
    assert.same({ user = "ada" }, event.meta)
    assert.equal(id, event.correlation_id)
  end)

  it("refuses meta that is not flat, and ids that are none", function()
    assert.equal("invalid", refusal((place("o-1", ',"meta":{"a":{}}'):gsub("\n", ""))).code)
    assert.equal("invalid", refusal((place("o-1", ',"meta":[]'):gsub("\n", ""))).code)
    assert.equal("usage", refusal((place("o-1", ',"correlation_id":"x"'):gsub("\n", ""))).code)
    local key = (',"key":"%s"'):format(("k"):rep(600))
    assert.equal("usage", refusal((place("o-1", key):gsub("\n", ""))).code)
  end)

  it("refuses a line that is too long, and goes on behind it", function()
    local name = ("x"):rep(6 * 1024 * 1024)
    local long = '{"command":"PlaceOrder","data":{"order_id":"' .. name .. '"}}\n'
    local status, lines = run(long .. place "o-1" .. long:gsub("\n", ""))
    assert.equal(1, status)
    assert.same({ 1, "limit" }, { lines[1].line, lines[1].error.code })
    assert.same({ 2, true }, { lines[2].line, lines[2].ok })
    assert.same({ 3, "limit" }, { lines[3].line, lines[3].error.code })
  end)

  it("gives receipts in the order of the input, also for many", function()
    local input, total = {}, 12000
    for i = 1, total do
      input[i] = i % 5 == 0 and "nonsense\n" or place("o-" .. i % 701 .. "-" .. i)
    end
    local status, lines, err = run(table.concat(input))
    assert.equal(1, status)
    assert.equal(total, #lines)
    for i, line in ipairs(lines) do
      assert.equal(i, line.line)
      assert.equal(i % 5 ~= 0, line.ok)
    end
    assert.equal("neap: 12000 commands: 9600 done, 2400 refused\n", err)
  end)

  it("reads commands from a file", function()
    neap.write(folder .. "/commands", place "o-1")
    assert.equal(0, (run("", "--file", folder .. "/commands")))
    assert.equal(0, (run(place "o-2", "--file=-")))
    assert.equal(2, #events())
  end)

  it("says which file it cannot read", function()
    local status, _, err = run("", "--file", folder .. "/missing")
    assert.equal(2, status)
    assert.equal("neap: cannot read " .. folder .. "/missing: No such file or directory\n", err)
    status, _, err = run("", "--file", folder)
    assert.equal(1, status)
    assert.truthy(err:find("Is a directory", 1, true), err)
  end)

  it("is quiet on request", function()
    assert.equal("", (select(3, run(place "o-1", "--quiet"))))
  end)

  it("says where the domain is wrong", function()
    local status, out, err = neap.run { "run", "fixtures/syntax.lua", "--store", store }
    assert.same({ 1, "" }, { status, out })
    assert.truthy(err:find("syntax.lua:", 1, true), err)
    status, out, err = neap.run { "run", "fixtures/missing.lua", "--store", store }
    assert.same({ 2, "" }, { status, out })
    assert.truthy(err:find("missing.lua", 1, true), err)
    status, out, err = neap.run { "run", "fixtures/unhandled.lua", "--store", store }
    assert.same({ 1, "" }, { status, out })
    assert.truthy(err:find("unhandled.lua:4: nothing handles the command Ignore", 1, true), err)
  end)

  it("says that the store cannot be used", function()
    local status, out, err = neap.run {
      "run", shop, "--store", "sqlite:" .. folder .. "/missing/shop.db",
    }
    assert.same({ 3, "" }, { status, out })
    assert.truthy(err:find("missing/shop.db", 1, true), err)
    neap.write(folder .. "/foreign.db", ("not a database, but text "):rep(200))
    status = neap.run { "run", shop, "--store", "sqlite:" .. folder .. "/foreign.db" }
    assert.equal(3, status)
  end)

  it("uses $NEAP_STORE, and neap.db in the folder without it", function()
    local here = neap.here()
    local environment = "NEAP_STORE=" .. neap.quote(store)
    assert.equal(0, (neap.run({ "run", shop }, { stdin = place "o-1", environment = environment })))
    assert.equal(1, #events())
    local domain = here .. "/" .. shop
    assert.equal(0, (neap.run({ "run", domain }, { stdin = place "o-1", folder = folder })))
    assert.equal(0, neap.shell("test -f " .. neap.quote(folder .. "/neap.db")))
    local status, out = neap.run({ "events" }, { folder = folder })
    assert.same({ 0, 1 }, { status, #decode(out) })
  end)

  it("keeps nothing in a store in memory", function()
    local status, out = neap.run({ "run", shop, "--store", "memory:" }, { stdin = place "o-1" })
    assert.same({ 0, true }, { status, decode(out)[1].ok })
  end)

  it("stops when nobody can take its receipts", function()
    local status, _, err = neap.run({ "run", shop, "--store", store },
      { stdin = place "o-1", out = ">/dev/full" })
    assert.equal(1, status)
    assert.truthy(err:find("cannot write to stdout: No space left on device", 1, true), err)
  end)

  it("tells the domain's services what --config says", function()
    local domain, config = folder .. "/domain.lua", folder .. "/config.json"
    neap.write(domain, [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      spec:service("mail", function(config) return { from = assert(config.from, "no sender") } end)
      spec:answer(spec:query "From" {}, function(_, context) return context.services.mail.from end)
      spec:handle(spec:command "Do" {}, function() end)
      return spec]])
    neap.write(config, '{"mail":{"from":"ada"}}')
    assert.equal(0, (neap.run({ "run", domain, "--store", store, "--config", config },
      { stdin = '{"command":"Do"}' })))
    local status, out = neap.run { "query", domain, "From", "--store", store, "--config", config }
    assert.same({ 0, '"ada"\n' }, { status, out })
    local function fails(expected, why, ...)
      local code, _, err = neap.run { ... }
      assert.equal(expected, code)
      assert.truthy(err:find(why, 1, true), err)
    end
    local none = folder .. "/none"
    fails(1, "no sender", "query", domain, "From", "--store", store)
    fails(2, "cannot read " .. none, "run", domain, "--store", store, "--config", none)
    neap.write(config, '{"mial":{}}')
    fails(2, "did you mean 'mail'?", "run", domain, "--store", store, "--config", config)
    neap.write(config, "")
    fails(2, "is empty", "run", domain, "--store", store, "--config", config)
    neap.write(config, '{"mail":{"from":"ada"}}\0{}')
    fails(2, "it has a byte 0x00", "run", domain, "--store", store, "--config", config)
  end)
end)
