local neap = require "neap_command"

local shop = "fixtures/shop.lua"

describe("neap export and neap import", function()
  local folder, store, copy

  before_each(function()
    folder = neap.folder()
    store, copy = "sqlite:" .. folder .. "/shop.db", "sqlite:" .. folder .. "/copy.db"
    local commands = {}
    for i = 1, 5 do
      commands[i] = ('{"command":"PlaceOrder","data":{"order_id":"o-%d","customer":"ada",'
        .. '"total":%d},"key":"k-%d"}\n'):format(i, i, i)
    end
    assert.equal(0, (neap.run({ "run", shop, "--store", store, "--quiet" },
      { stdin = table.concat(commands) })))
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function export(...)
    local status, out, err = neap.run { "export", "--store", store, ... }
    assert.equal(0, status, err)
    return out, err
  end

  local function import(lines, ...)
    return neap.run({ "import", "--store", copy, ... }, { stdin = lines })
  end

  it("copies a store", function()
    local lines, words = export()
    assert.truthy(words:find "^neap: 5 events in %d+%.%d s", words)
    local status, out, err = import(lines)
    assert.same({ 0, "" }, { status, out })
    assert.truthy(err:find "^neap: 5 events in %d+%.%d s", err)
    status, out, err = neap.run { "verify", "--store", store, "--against", copy }
    assert.same({ 0, "" }, { status, out })
    assert.truthy(err:find("neap: the stores are the same\n", 1, true), err)
  end)

  it("reads a file, or stdin, and goes on with what is there", function()
    local file = folder .. "/shop.jsonl"
    neap.write(file, (export()))
    assert.equal(0, (neap.run { "import", file, "--store", copy }))
    local status, _, err = neap.run({ "import", "-", "--store", copy },
      { stdin = neap.read(file) })
    assert.equal(0, status)
    assert.truthy(err:find("; 5 were there already", 1, true), err)
    status, _, err = neap.run { "import", folder .. "/none", "--store", copy }
    assert.equal(2, status)
    assert.truthy(err:find("none: No such file or directory", 1, true), err)
  end)

  it("makes nothing of what is no export", function()
    for _, text in ipairs { "", "hello\n", '{"event":{}}\n' } do
      assert.equal(1, (import(text)))
      assert.equal(3, (neap.run { "events", "--store", copy }))
    end
    local status, out, err = import '{"neap_export":{"format":1}}\n{"event":{}}\n'
    assert.same({ 1, "" }, { status, out })
    assert.equal("neap: line 2, column 10: event.position: expected a value, got nothing\n", err)
    assert.same({ 0, "", "" }, { neap.run { "events", "--store", copy } })
  end)

  it("leaves a store alone that has something else", function()
    assert.equal(0, (neap.run({ "run", shop, "--store", copy, "--quiet" }, { stdin =
      '{"command":"PlaceOrder","data":{"order_id":"x","customer":"bob","total":1}}\n' })))
    local status, _, err = import((export()))
    assert.equal(1, status)
    assert.truthy(err:find("^neap: line 2: the store has something else: the command PlaceOrder"),
      err)
    status = neap.run { "verify", "--store", copy }
    assert.equal(0, status)
  end)

  it("exports a part, which is renumbered", function()
    local lines = export("--category", "Order", "--from", "3")
    local status, _, err = import(lines)
    assert.equal(1, status)
    assert.truthy(err:find("position 3 follows position 0; events of a part of a store have to be "
      .. "renumbered", 1, true), err)
    assert.equal(0, (import(lines, "--renumber")))
    local _, out = neap.run { "events", "--store", copy }
    assert.truthy(out:find('^{"position":1,"stream":"Order%-o%-3"'), out)
    status, out = neap.run { "verify", "--store", store, "--against", copy }
    assert.equal(1, status)
    assert.truthy(out:find("^the command PlaceOrder %S+: id is %S+ here and %S+ there\n"), out)
  end)

  it("says which store is missing", function()
    assert.equal(3, (neap.run { "export", "--store", copy }))
    local status, _, err = neap.run { "verify", "--store", store, "--against", copy }
    assert.equal(3, status)
    assert.truthy(err:find("there is no store at", 1, true), err)
    assert.equal(2, (neap.run { "import", "--store", "memory:" }))
    assert.equal(2, (neap.run { "export", "--store", store, "--stream", "A-1", "--category",
      "A" }))
  end)

  it("shows how far it is on a terminal", function()
    neap.write(folder .. "/shop.jsonl", (export()))
    local line = neap.line { "import", folder .. "/shop.jsonl", "--store", copy }
    local pipe <close> = assert(io.popen(("script -qec %s /dev/null"):format(neap.quote(line))))
    local shown = pipe:read "a"
    assert.truthy(shown:find("import [########################] 100 %", 1, true), shown)
  end)
end)
