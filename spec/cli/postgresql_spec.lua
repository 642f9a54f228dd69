-- The command on a store in PostgreSQL. The server is the tests' own (spec/postgresql/server).

local json = require "dkjson"
local neap = require "neap_command"

local domain = "fixtures/rows.lua"
local folder = neap.read(assert(os.getenv "NEAP_POSTGRESQL_SERVER")):match "[^\n]+"
local number = 0

local function sell(id, customer, cents)
  return ('{"command":"Sell","data":{"id":"%s","customer":"%s","cents":%d,"paid":true}}\n')
    :format(id, customer, cents)
end
local injecting = "o'hara; DROP TABLE events"
local sales = sell("s-1", "ada", 400) .. sell("s-2", injecting, 200) .. sell("s-3", "ada", 50)

describe("the command on PostgreSQL", function()
  if folder:find "^skip" then
    print(folder)
    return
  end

  local schema, store

  -- What psql prints of the statements, run in the store's schema: values by |, rows by line.
  local function psql(sql)
    local file = os.tmpname()
    neap.write(file, sql)
    local line = ("PGOPTIONS=-csearch_path=%s psql -X -q -A -t -v ON_ERROR_STOP=1 -h %s -U neap "
      .. "-f %s postgres"):format(schema, neap.quote(folder), file)
    local pipe = assert(io.popen(line))
    local out = pipe:read "a"
    assert(pipe:close(), sql)
    os.remove(file)
    return out
  end

  local function url(user)
    return ("postgresql://%s@/postgres?host=%s&schema=%s"):format(user, folder, schema)
  end

  local function run(lines)
    return neap.run({ "run", domain, "--store", store }, { stdin = lines })
  end

  before_each(function()
    number = number + 1
    local unique = neap.folder()
    neap.remove(unique)
    schema = "cli_" .. unique:gsub("%W", "") .. number
    schema = schema:lower()
    store = url "neap"
    local status, _, err = run(sales)
    assert.equal(0, status, err)
  end)

  after_each(function()
    psql("SET client_min_messages = error; DROP SCHEMA " .. schema .. " CASCADE")
  end)

  it("shows events and figures, answers, and finds nothing wrong", function()
    local status, out = neap.run { "events", "--store", store }
    assert.equal(0, status)
    assert.equal(3, select(2, out:gsub('"type":"Sold"', "")))
    status, out = neap.run { "stats", "--store", store }
    assert.equal(0, status)
    assert.truthy(out:find("events     3\n", 1, true), out)
    assert.truthy(out:find("\nrevenue  +projection", 1), out)
    status, out =
      neap.run { "query", domain, "GetCustomer", '{"customer":"ada"}', "--store", store }
    assert.same({ 0, '{"spent":450}\n' }, { status, out })
    local _, _, words = neap.run { "verify", "--store", store }
    assert.truthy(words:find("nothing wrong", 1, true), words)
  end)

  it("shows which process runs what, while one does", function()
    local writer = neap.start { "run", domain, "--store", store }
    writer:send(sell("s-4", "ada", 1))
    writer:lines(1)
    local _, out = neap.run { "stats", "--store", store, "--json" }
    local told = assert(json.decode(out))
    assert.equal(1, #told.members)
    local member = told.members[1]
    assert.same({ #told.subscriptions, true }, { member.owned, member.queue })
    assert.same({ member = member.member, host = member.host, pid = member.pid },
      told.subscriptions[1].owner)
    _, out = neap.run { "stats", "--store", store }
    local process = ("%d@%s"):format(member.pid, member.host)
    assert.truthy(out:find("revenue [^\n]* " .. process:gsub("%p", "%%%0")), out)
    assert.truthy(out:find("\n" .. process .. "  " .. member.member, 1, true), out)
    assert.truthy(out:find("\nPROCESS +MEMBER +SEEN +RUNS +QUEUE\n[^\n]+ ago +2  yes\n"), out)
    assert.equal(0, writer:close())
    _, out = neap.run { "stats", "--store", store }
    assert.is_nil(out:find "PROCESS")
  end)

  local lua = os.getenv "NEAP_LUA" -- not with sanitizers
  it("shows the same to Lua", function()
    if not lua then return end
    local scratch = neap.folder()
    finally(function()
      neap.remove(scratch)
    end)
    neap.write(scratch .. "/show.lua", [[
      local runtime <close> = assert(require "neap".open(arg[1], { store = arg[2] }))
      local stats = assert(runtime:stats())
      local one, owner = stats.members[1], stats.subscriptions[1].owner
      assert(#stats.members == 1 and one.queue == true and one.owned == #stats.subscriptions)
      assert(one.member == owner.member and one.host == owner.host and one.pid == owner.pid)
      assert(one.seen_at <= stats.taken_at and one.seen_at > stats.taken_at - 60 * 1000000)
      assert(assert(runtime:subscriptions())[1].owner.member == one.member)
      local alone <close> = assert(require "neap".open(arg[1], { store = arg[3] }))
      stats = assert(alone:stats())
      assert(stats.members == nil and stats.subscriptions[1].owner == nil)
    ]])
    assert.equal(0, neap.shell(("%s %s %s %s %s"):format(lua, scratch .. "/show.lua", domain,
      neap.quote(store), "sqlite:" .. scratch .. "/alone.db")))
  end)

  it("hides a password from the list of processes", function()
    local secret = store:gsub("neap@", "neap:s3cr%%3Aet@")
      .. "&password=s3cret2&sslpassword=s3cret3"
    local writer = neap.start { "run", domain, "--store=" .. secret }
    writer:send(sell("s-4", "ada", 1))
    writer:lines(1)
    local shown = neap.read(("/proc/%d/cmdline"):format(writer:pid()))
    assert.truthy(shown:find("--store=postgresql://neap:xxxxxxxxx@/postgres?host=", 1, true), shown)
    assert.truthy(shown:find("&password=xxxxxxx&sslpassword=xxxxxxx", 1, true), shown)
    assert.is_nil(shown:find("s3", 1, true))
    assert.equal(0, writer:close())
  end)

  it("keeps rows, and makes them anew", function()
    local all = "SELECT * FROM revenue ORDER BY customer"
    local rows = "ada|450|t|4|\n" .. injecting .. "|200|t|2|\n"
    assert.equal(rows, psql(all))
    local status, _, err = neap.run { "rebuild", domain, "revenue", "--store", store }
    assert.equal(0, status, err)
    assert.equal(rows, psql(all))
    assert.equal(rows, psql 'SELECT * FROM "revenue@2" ORDER BY customer')
    assert.equal(0, (run(sell("s-4", "ada", 1))))
    assert.equal("451\n", psql "SELECT cents FROM revenue WHERE customer = 'ada'")
  end)

  it("says which event and statement a projection has stopped at", function()
    local status, _, err = run(sell("s-4", "ada", -5000))
    assert.equal(1, status)
    assert.truthy(err:find("projection 'revenue' has stopped at position 4: event 'Sold' "
      .. "(Sale-s-4, 1): projection revenue, event 4: new row for relation \"revenue@1\" violates "
      .. "check constraint", 1, true), err)
    assert.truthy(err:find("INSERT INTO {revenue} VALUES (?, ?, ?, ?, ?)", 1, true), err)
    assert.equal("450\n", psql "SELECT cents FROM revenue WHERE customer = 'ada'")
  end)

  it("lets a role that may only read see events and the past", function()
    local role = schema .. "_reads"
    psql(("CREATE ROLE %s LOGIN; GRANT USAGE ON SCHEMA %s TO %s; "
      .. "GRANT SELECT ON ALL TABLES IN SCHEMA %s TO %s"):format(role, schema, role, schema, role))
    finally(function()
      psql(("DROP OWNED BY %s; DROP ROLE %s"):format(role, role))
    end)
    local reads = url(role)
    local status, out = neap.run { "events", "--store", reads }
    assert.equal(0, status)
    assert.equal(3, select(2, out:gsub('"type":"Sold"', "")))
    local err
    status, out, err = neap.run({ "repl", domain, "--store", reads }, { stdin = "events()\n" })
    assert.same({ 0, "" }, { status, err })
    assert.equal(3, select(2, out:gsub("  Sold  ", "")))
    status, out, err = neap.run({ "run", domain, "--store", reads }, { stdin = sales })
    assert.equal("", out)
    assert.not_equal(0, status)
    assert.truthy(err:find("permission denied", 1, true), err)
  end)

  it("copies the store to a file of SQLite, and back", function()
    local scratch = neap.folder()
    finally(function()
      neap.remove(scratch)
    end)
    local file = "sqlite:" .. scratch .. "/copy.db"
    local status, lines = neap.run { "export", "--store", store }
    assert.equal(0, status)
    assert.equal(0, (neap.run({ "import", "--store", file }, { stdin = lines })))
    local words = select(3, neap.run { "verify", "--store", store, "--against", file })
    assert.truthy(words:find("the stores are the same", 1, true), words)
    psql("SET client_min_messages = error; DROP SCHEMA " .. schema .. " CASCADE")
    status, lines = neap.run { "export", "--store", file }
    assert.equal(0, status)
    assert.equal(0, (neap.run({ "import", "--store", store }, { stdin = lines })))
    words = select(3, neap.run { "verify", "--store", file, "--against", store })
    assert.truthy(words:find("the stores are the same", 1, true), words)
  end)
end)
