-- Projections, as the command rebuilds, shows and lists them.

local json = require "dkjson"
local neap = require "neap_command"

-- %s: the handler of Added in the projection "sums".
local tally = [[
local neap = require "neap"
local tally = neap.domain "tally"
local Added = tally:event "Added" { id = "string", number = "integer" }
tally:command "Add" { id = "string", number = "integer" }
tally:aggregate "Tally" {
  key = "id", initial = {},
  commands = { Add = function(_, command) return Added(command) end },
  events = { Added = function() end },
}
tally:answer(tally:query "Sum" { id = "string" }, function(query, context)
  return context:find("sums", query.id)
end)
tally:projection "sums" {
  key = "id",
  events = { Added = function(doc, event) %s end },
}
tally:projection "last" {
  key = "id",
  events = { Added = function(doc, event) doc.number = event.number end },
}
return tally
]]
local adds = "doc.sum = (doc.sum or 0) + event.number"

describe("a projection of the command's", function()
  local folder, domain, store

  before_each(function()
    folder = neap.folder()
    domain, store = folder .. "/tally.lua", "sqlite:" .. folder .. "/tally.db"
    neap.write(domain, tally:format(adds))
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function run(...)
    return neap.run { ... }
  end

  local function add(count, ids)
    local lines = {}
    for i = 1, count do
      lines[i] = ('{"command":"Add","data":{"id":"t%d","number":%d}}\n'):format(i % ids, i)
    end
    assert.equal(0, (neap.run({ "run", domain, "--store", store },
      { stdin = table.concat(lines) })))
  end

  local function stats()
    local status, out = run("stats", "--store", store, "--json")
    assert.equal(0, status)
    local by_name = {}
    for _, one in ipairs(json.decode(out).subscriptions) do by_name[one.name] = one end
    return by_name
  end

  it("is asked for a document, and for a list", function()
    add(12, 6)
    local status, out, err = run("query", domain, "sums", "t3", "--store", store)
    assert.same({ 0, '{"sum":12}\n', "" }, { status, out, err })
    status, out = run("query", domain, "sums", "--store", store,
      '{"prefix":"t","behind":"t5","limit":2,"order":"descending"}')
    assert.equal(0, status)
    assert.equal('{"key":"t4","document":{"sum":14}}\n{"key":"t3","document":{"sum":12}}\n', out)
    status, out = run("query", domain, "sums", "--store", store)
    assert.same({ 0, 6 }, { status, select(2, out:gsub("\n", "")) })
    status, out, err = run("query", domain, "sums", "t9", "--store", store)
    assert.same({ 1, "", "neap: sums has no document 't9'\n" }, { status, out, err })
    status, out = run("query", domain, "Sum", '{"id":"t3"}', "--store", store)
    assert.same({ 0, '{"sum":12}\n' }, { status, out })
    for wish, why in pairs {
      ['{"limit":0}'] = "limit: expected a whole number from 1",
      ['{"order":"up"}'] = 'order: expected "ascending" or "descending", got "up"',
      ['{"prefix":7}'] = "prefix: expected a string",
      ['{"prefx":"t"}'] = "prefx",
    } do
      status, out, err = run("query", domain, "sums", wish, "--store", store)
      assert.same({ 1, "" }, { status, out })
      assert.truthy(err:find(why, 1, true), err)
    end
  end)

  it("lists more documents than are asked for at once", function()
    add(2500, 2500)
    local status, out = run("query", domain, "last", "--store", store)
    local keys, before = 0, ""
    for line in out:gmatch "[^\n]+" do
      local one = json.decode(line)
      assert(one.key > before, one.key)
      keys, before = keys + 1, one.key
    end
    assert.same({ 0, 2500 }, { status, keys })
    status, out = run("query", domain, "last", '{"limit":1001}', "--store", store)
    assert.same({ 0, 1001 }, { status, select(2, out:gsub("\n", "")) })
  end)

  it("cannot have the name of a query", function()
    neap.write(domain, (tally:format(adds):gsub('"Sum"', '"sums"')))
    local status, _, err = run("check", domain)
    assert.equal(1, status)
    assert.truthy(err:find("'sums' is already the name of a query", 1, true), err)
  end)

  it("is listed among the definitions", function()
    local status, out, err = run("check", domain)
    assert.equal(0, status)
    assert.truthy(out:find "\nprojection  last%s+%-%s+[^\n]+tally.lua:17\n", out)
    assert.truthy(err:find("1 aggregate, 2 projections; nothing wrong", 1, true), err)
  end)

  it("is shown by stats where nobody runs it", function()
    add(10, 5)
    local sums = stats().sums
    assert.same({
      name = "sums", kind = "projection", paused = false, build = 1, version = 1, partitions = 1,
      position = 10, lag = 0, documents = 5, dead_letters = 0,
    }, sums)
    local _, out = run("stats", "--store", store)
    assert.truthy(out:find(
      "SUBSCRIPTION  KIND        STATE  VERSION  BUILD  POSITION  LAG  DOCUMENTS  DEAD LETTERS\n" ..
      "last          projection               1      1        10    0          5 *\n" ..
      "sums          projection               1      1        10    0          5 *\n"), out)
  end)

  it("is rebuilt, and no other with it", function()
    add(3000, 50)
    neap.write(domain, tally:format "doc.count = (doc.count or 0) + 1")
    local status, out, err = run("rebuild", domain, "sums", "--store", store)
    assert.same({ 0, "" }, { status, out })
    assert.truthy(err:find "neap: sums: 3,000 events in %d+%.%d s %([%d,]+/s%); build 2 is", err)
    status, out = run("query", domain, "sums", "t1", "--store", store)
    assert.same({ 0, '{"count":60}\n' }, { status, out })
    local now = stats()
    assert.same({ 2, 1 }, { now.sums.build, now.last.build })
    add(1, 1)
    assert.same({ 3001, 3001 }, { stats().sums.position, stats().last.position })
  end)

  it("says what cannot be rebuilt", function()
    add(1, 1)
    local status, _, err = run("rebuild", domain, "summs", "--store", store)
    assert.same({ 1, "neap: there is no projection 'summs'; did you mean 'sums'?\n" },
      { status, err })
    status, _, err = run("rebuild", domain, "sums", "--store", "sqlite:" .. folder .. "/none.db")
    assert.equal(3, status)
    assert.truthy(err:find("there is no store at", 1, true), err)
    assert.is_nil(io.open(folder .. "/none.db"))
    status, _, err = run("rebuild", domain, "--store", store)
    assert.equal(2, status)
    assert.truthy(err:find("needs PROJECTION", 1, true), err)
  end)

  it("says at which event it has stopped, and why", function()
    add(20, 5)
    neap.write(domain, tally:format 'if event.number == 7 then error "no seven" end')
    local status, _, err = run("rebuild", domain, "sums", "--store", store)
    assert.equal(1, status)
    assert.truthy(err:find("projection 'sums' has stopped at position 7", 1, true), err)
    assert.truthy(err:find("no seven", 1, true), err)
    assert.equal(1, stats().sums.build)
    assert.equal(6, stats().sums.next_position)
    local _, out = run("query", domain, "sums", "t2", "--store", store)
    assert.equal('{"sum":38}\n', out)
    neap.write(domain, tally:format(adds)) -- and goes on where it stopped
    status = run("rebuild", domain, "sums", "--store", store)
    assert.equal(0, status)
    assert.equal(2, stats().sums.build)
  end)

  for name, status in pairs { INT = 130, TERM = 143, KILL = 137 } do
    it("goes on where SIG" .. name .. " ended it", function()
      local events = 20000
      add(events, 100)
      neap.write(domain, tally:format "for _ = 1, 20000 do end doc.count = (doc.count or 0) + 1")
      local first <close> = setmetatable({ it = neap.start { "rebuild", domain, "sums", "--store",
        store } }, { __close = function(self) self.it:cleanup() end })
      neap.wait("a part of it", function()
        local position = stats().sums.next_position
        return position and position > 0
      end)
      first.it:signal(name)
      assert.equal(status, first.it:ended())
      local before = stats().sums
      assert.equal(1, before.build)
      assert.truthy(before.next_position < events)
      if name ~= "KILL" then
        assert.truthy(first.it:err():find("of 20,000 events; what answers is the build before", 1,
          true), first.it:err())
      end
      local _, out = run("query", domain, "sums", "t1", "--store", store)
      assert.truthy(out:find('{"sum":', 1, true), out)
      local again, _, err = run("rebuild", domain, "sums", "--store", store)
      assert.equal(0, again)
      local handled = err:match "sums: ([%d,]+) events in"
      assert.equal(events - before.next_position, tonumber((handled:gsub(",", ""))))
      _, out = run("query", domain, "sums", "t1", "--store", store)
      assert.equal('{"count":200}\n', out)
      assert.equal(2, stats().sums.build)
    end)
  end

  it("names who holds the store", function()
    add(1, 1)
    local holder = neap.start { "run", domain, "--store", store }
    holder:send '{"command":"Add","data":{"id":"t1","number":1}}\n'
    holder:lines(1)
    local status, _, err = run("rebuild", domain, "sums", "--store", store)
    holder:close()
    holder:cleanup()
    assert.equal(3, status)
    assert.truthy(err:find "process %d+", err)
  end)
end)
