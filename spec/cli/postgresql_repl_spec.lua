-- The REPL on a store in PostgreSQL. The server is the tests' own (spec/postgresql/server).

local neap = require "neap_command"

local domain = "fixtures/past.lua"
local folder = neap.read(assert(os.getenv "NEAP_POSTGRESQL_SERVER")):match "[^\n]+"
local number = 0

local function command(name, order)
  local data = name == "PlaceOrder" and ',"total":1' or ""
  return ('{"command":"%s","data":{"order":"%s"%s}}\n'):format(name, order, data)
end

local orders = command("PlaceOrder", "o-1") .. command("PlaceOrder", "o-2")
  .. command("PayOrder", "o-1") .. command("ShipOrder", "o-1") .. command("ShipOrder", "o-2")

local verbs = [[
events { limit = 2 }
event(2)
streams()
at(0)
step(2)
back()
find "OrderShipped"
until_change("Order", "o-1", "status", { backward = true })
watch("by_status", "paid")
at()
state("Order", "o-1", 1)
document("by_status", "paid")
list "by_status"
query("CountOrders", { status = "paid" })
why("Order", "o-1", "status")
trace(5)
diff("Order", "o-1", 1, 2)
fixture("Order", "o-2")
definitions()
subscriptions()
]]

describe("neap repl on PostgreSQL", function()
  if folder:find "^skip" then
    print(folder)
    return
  end

  local schema, reader, store, reads

  local function psql_line(file)
    return ("PGOPTIONS=-csearch_path=%s psql -X -q -A -t -v ON_ERROR_STOP=1 -h %s -U neap -f %s "
      .. "postgres"):format(schema, neap.quote(folder), file)
  end

  -- What psql prints of the statements, run in the store's schema.
  local function psql(sql)
    local file = os.tmpname()
    neap.write(file, sql)
    local pipe = assert(io.popen(psql_line(file)))
    local out = pipe:read "a"
    assert(pipe:close(), sql)
    os.remove(file)
    return out
  end

  local function url(user)
    return ("postgresql://%s@/postgres?host=%s&schema=%s"):format(user, folder, schema)
  end

  before_each(function()
    number = number + 1
    local unique = neap.folder()
    neap.remove(unique)
    schema = ("repl_" .. unique:gsub("%W", "") .. number):lower()
    reader, store = schema .. "_reads", url "neap"
    reads = url(reader)
    local status, _, err = neap.run({ "run", domain, "--store", store }, { stdin = orders })
    assert.equal(0, status, err)
    -- A role for looking: it can read, and nothing else.
    psql(("CREATE ROLE %s LOGIN; GRANT USAGE ON SCHEMA %s TO %s; "
      .. "GRANT SELECT ON ALL TABLES IN SCHEMA %s TO %s"):format(reader, schema, reader, schema,
      reader))
  end)

  after_each(function()
    psql(("SET client_min_messages = error; DROP OWNED BY %s; DROP ROLE %s; "
      .. "DROP SCHEMA %s CASCADE"):format(reader, reader, schema))
  end)

  -- Everything that the schema has, as text.
  local function contents()
    local parts = {}
    local tables = psql("SELECT tablename FROM pg_tables WHERE schemaname = '" .. schema
      .. "' ORDER BY 1")
    for name in tables:gmatch "[^\n]+" do
      local rows = psql(('SELECT t::text FROM "%s" t ORDER BY 1'):format(name))
      parts[#parts + 1] = name .. "\n" .. rows
    end
    assert.truthy(#parts > 5)
    return table.concat(parts, "\n")
  end

  -- How many of the role's connections are in a transaction, or keep the server from forgetting
  -- what was; and how many there are.
  local busy = "SELECT count(*) FILTER (WHERE state LIKE 'idle in transaction%%' OR "
    .. "(state = 'idle' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL))), count(*) "
    .. "FROM pg_stat_activity WHERE usename = '%s'"

  local function listening()
    return "SELECT count(*) FROM pg_stat_activity WHERE usename = '" .. reader
      .. "' AND query LIKE 'LISTEN %'"
  end

  it("needs no more than to read, and changes no row", function()
    local before = contents()
    local status, out, err = neap.run({ "repl", domain, "--store", reads }, { stdin = verbs })
    assert.same({ 0, "" }, { status, err })
    assert.truthy(out:find("OrderShipped", 1, true))
    local all
    status, all, err = neap.run({ "repl", domain, "--store", store }, { stdin = verbs })
    assert.same({ 0, "" }, { status, err })
    assert.equal(out, all)
    assert.equal(before, contents())
  end)

  it("is in no transaction while it waits, folds or searches", function()
    local scratch = neap.folder()
    neap.write(scratch .. "/busy.sql", busy:format(reader))
    local session = neap.start { "repl", domain, "--store", reads }
    finally(function()
      session:cleanup()
      neap.remove(scratch)
    end)
    session:send(([[
collectgarbage "stop"
function busy()
  local pipe <close> = io.popen(%q)
  return pipe:read "l"
end
it = require("neap.history").open(%q, {
  store = %q, checkpoint_spacing = 1,
  go_on = function(position) print("fold", position, busy()); return true end,
})
late = it:at()
]]):format(psql_line(scratch .. "/busy.sql"), domain, reads))
    session:send "find('OrderShipped', function(_, e) print('search', e.position, busy()) end)\n"
    session:send "print(late:position())\n"
    session:send "at(0)\nfind('OrderShipped', function(_, e) print('search', busy()) end)\n"
    session:send "at(3)\nfor i = 1, 50 do event(1 + i % 3) end\nprint 'idle'\n"
    local out = neap.wait("the session to have nothing to do", function()
      local text = session:out()
      return text:find("\nidle\n", 1, true) and text
    end)
    assert.equal("", session:err())
    local asked = 0
    for what, counts in out:gmatch "(%a+)[\t%d]*\t(%d+|%d+)\n" do
      assert.equal("0|", counts:match "^%d+|", what .. ": " .. out)
      asked = asked + 1
    end
    assert.truthy(asked >= 7, out)
    -- It does not take a connection for each event that it looks at.
    local bound, open = psql(busy:format(reader)):match "(%d+)|(%d+)"
    assert.equal("0", bound)
    assert.truthy(tonumber(open) <= 16, open .. " connections")
    assert.equal(0, session:close())
  end)

  it("follows what others append, which the server tells it", function()
    local session = neap.start { "repl", domain, "--store", reads }
    finally(function() session:cleanup() end)
    session:send 'watch(function() if armed then armed = print "there" end end); armed = true\n'
    session:send 'follow { type = "OrderShipped", limit = 2, timeout = 60 }\n'
    neap.wait("it to listen", function() return psql(listening()) == "1\n" end)
    assert.equal("0", psql(busy:format(reader)):match "%d+")
    assert.equal(0, (neap.run({ "run", domain, "--store", store }, { stdin = orders })))
    session:send "position()\n"
    local lines = session:lines(4)
    assert.equal("there", lines[1])
    assert.matches("^9  .*  OrderShipped  ", lines[2])
    assert.matches("^10  .*  OrderShipped  ", lines[3])
    assert.equal("10", lines[4])
    neap.wait("it to listen no more", function() return psql(listening()) == "0\n" end)
    assert.equal("", session:err())
    assert.equal(0, session:close())
  end)

  it("has neap events --follow told, too", function()
    local follower = neap.start { "events", "--store", reads, "--follow", "--from", "6" }
    finally(function() follower:cleanup() end)
    neap.wait("it to listen", function() return psql(listening()) == "1\n" end)
    assert.equal(0, (neap.run({ "run", domain, "--store", store }, { stdin = orders })))
    assert.matches('"position":6,', follower:lines(5)[1])
    follower:signal "TERM"
    assert.equal(0, follower:ended())
    assert.equal("", follower:err())
  end)

  it("writes beside a process that runs the domain, and leaves what reacts to it", function()
    local service = neap.start { "run", domain, "--store", store }
    finally(function() service:cleanup() end)
    service:send(command("PlaceOrder", "o-3"))
    service:lines(1)
    local status, out, err = neap.run({ "repl", domain, "--store", store, "--write" },
      { stdin = 'dispatch("PlaceOrder", { order = "o-4", total = 1 }).version\nposition()\n' })
    assert.same({ 0, "1\n7\n", "" }, { status, out, err })
    neap.wait("the projection", function()
      local _, count = neap.run { "query", domain, "CountOrders", '{"status":"placed"}', "--store",
        store }
      return count == "4\n"
    end)
    assert.equal(0, service:close())
  end)
end)
