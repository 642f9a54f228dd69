-- Projections with rows of their own: what sql() records, and what it refuses.

local domains = require "spec.lua.domains"

-- %s: what the fold of Placed does with sql, event and context.
local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string", customer = "string", total = "integer" }
local Place = shop:command "Place" { id = "string", customer = "string", total = "integer" }
local kept
shop:aggregate "Order" {
  key = "id", initial = {}, events = { Placed = function() if kept then kept "DELETE" end end },
  commands = { Place = function(_, command) return Placed {
    id = command.id, customer = command.customer, total = command.total } end },
}
shop:projection "revenue" {
  schema = "CREATE TABLE {revenue} (customer TEXT PRIMARY KEY, total INTEGER NOT NULL)",
  events = { Placed = function(sql, event, context)
    %s
  end },
}
return shop
]]

local function temporary_store()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local function remove_store(path)
  for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do
    os.remove(path .. ending)
  end
end

-- What the fold makes of two events, the second of which is too much for it.
local function outcome_of(fold)
  local path = temporary_store()
  finally(function() remove_store(path) end)
  local runtime <close> = assert(domains.open(template:format(fold),
    { store = "sqlite:" .. path .. "?synchronous=normal" }))
  assert(runtime:dispatch("Place", { id = "a", customer = "ada", total = 1 }))
  assert(runtime:drain())
  assert(runtime:dispatch("Place", { id = "b", customer = "ada", total = 2 }))
  local _, err = runtime:drain()
  return err and err.message, assert(runtime:subscriptions())[1]
end

local insert = [[sql("INSERT INTO {revenue} VALUES (?, ?)", event.customer, event.total)]]
local when_two = "if event.total == 2 then %s end"
local at_two = "projection 'revenue' has stopped at position 2: "
local in_lua = at_two .. "projection 'revenue', event 'Placed' at position 2 (Order-b, 1): "
  .. "domain.lua:14: "
local in_store = at_two .. "event 'Placed' (Order-b, 1): projection revenue, event 2: "

describe("a projection with rows of its own", function()
  local mistakes = {
    { "no statement", "sql()",
      in_lua .. "sql needs a statement, a text, but got nothing" },
    { "a statement that reads", [[sql "SELECT * FROM {revenue}"]],
      in_lua .. "sql: a statement is one INSERT, REPLACE, UPDATE, DELETE or WITH, but no "
        .. "'SELECT': SELECT * FROM {revenue}" },
    { "a pragma behind comments", [[sql "-- so\n /* INSERT */ PRAGMA user_version = 7"]],
      in_lua .. "sql: a statement is one INSERT, REPLACE, UPDATE, DELETE or WITH, but no "
        .. "'PRAGMA': -- so\n /* INSERT */ PRAGMA user_version = 7" },
    { "an end of the transaction", [[sql "COMMIT"]],
      in_lua .. "sql: a statement is one INSERT, REPLACE, UPDATE, DELETE or WITH, but no "
        .. "'COMMIT': COMMIT" },
    { "a table for a value", [[sql("DELETE FROM {revenue} WHERE total = ?", {})]],
      in_lua .. "sql: value 1 is a table; values are texts, numbers, booleans, and nil or "
        .. "neap.null: DELETE FROM {revenue} WHERE total = ?" },
    { "a text that is none", [[sql("DELETE FROM {revenue} WHERE customer = ?", "\xff")]],
      in_lua .. "sql: value 1 is a text that is not UTF-8; values are texts, numbers, booleans, "
        .. "and nil or neap.null: DELETE FROM {revenue} WHERE customer = ?" },
    { "a number that is none", [[sql("DELETE FROM {revenue} WHERE total = ?", 0/0)]],
      in_lua .. "sql: value 1 is NaN; values are texts, numbers, booleans, and nil or neap.null: "
        .. "DELETE FROM {revenue} WHERE total = ?" },
    { "a result", "return {}", at_two .. "projection 'revenue', event 'Placed' at position 2 "
      .. "(Order-b, 1): domain.lua:13: the fold of 'Placed' gave a table; what keeps rows gives "
      .. "nothing: it calls sql(…)" },
    { "a row that may not be", [[sql "UPDATE {revenue} SET total = NULL"]],
      in_store .. "NOT NULL constraint failed: revenue@1.total: UPDATE {revenue} SET total = "
        .. "NULL" },
    { "a table of Neap's own", [[sql "DELETE FROM events"]],
      in_store .. "it may not write to \"events\": DELETE FROM events" },
    { "the time now", [[sql "UPDATE {revenue} SET customer = datetime('now')"]],
      in_store .. "it may not ask what time it is; give it the event's time as a parameter, "
        .. "context:now() or context.event.recorded_at: UPDATE {revenue} SET customer = "
        .. "datetime('now')" },
    { "chance", [[sql "UPDATE {revenue} SET total = random()"]],
      in_store .. "it may not call what answers differently each time (give it a parameter "
        .. "instead): \"random\": UPDATE {revenue} SET total = random()" },
    { "another table", [[sql "INSERT INTO {other} VALUES (1)"]],
      in_store .. "no such table: other@1: INSERT INTO {other} VALUES (1)" },
  }
  for _, mistake in ipairs(mistakes) do
    it("stops at " .. mistake[1] .. ", and says why", function()
      local message, state = outcome_of(insert:gsub("INSERT INTO", "REPLACE INTO") .. " "
        .. when_two:format(mistake[2]))
      message = message and message:gsub("[^ ]*/(domain%.lua)", "%1")
      assert.equal(mistake[3], message)
      assert.equal("stopped", state.state)
      assert.equal(1, state.position)
    end)
  end

  it("does not take the time now for what a row leaves out", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local runtime, err = domains.open((template:format(
      [[sql("INSERT INTO {revenue} (total) VALUES (?)", event.total)]])
      :gsub("customer TEXT PRIMARY KEY", "customer TEXT DEFAULT CURRENT_TIMESTAMP")),
      { store = "sqlite:" .. path })
    assert.is_nil(runtime)
    assert.equal("projection revenue, the tables of build 1: it may not call what answers "
      .. 'differently each time (give it a parameter instead): "current_timestamp"', err.message)
  end)

  it("records texts, numbers, booleans and nil", function()
    local message = outcome_of [[
      local none
      sql("DELETE FROM {revenue}")
      sql("INSERT INTO {revenue} VALUES (?, ?)", "it's", true)
      sql("INSERT INTO {revenue} VALUES (?, ?)", "2", 0.5)
      sql("INSERT INTO {revenue} VALUES (?, ?)", none, 9)
      sql("INSERT INTO {revenue} VALUES (?, ?)", neap.null, math.maxinteger)
      sql("INSERT INTO {revenue} VALUES (?, ?)", event.customer, event.total)
      sql("WITH x AS (SELECT 1 AS one) UPDATE {revenue} SET total = (SELECT one FROM x)")]]
    assert.is_nil(message)
  end)

  it("gives nothing, and keeps none of what a failing fold recorded", function()
    local message, state = outcome_of(insert:gsub("INSERT", "REPLACE") .. [[
      assert(select("#", sql("DELETE FROM {revenue} WHERE total > 9")) == 0)
      if event.total == 2 then error("no") end]])
    assert.matches("no", message)
    assert.equal(1, state.position)
  end)

  it("does not record behind the fold's end", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local runtime <close> = assert(domains.open(template:format "kept = sql",
      { store = "sqlite:" .. path .. "?synchronous=normal" }))
    assert(runtime:dispatch("Place", { id = "a", customer = "ada", total = 1 }))
    assert(runtime:drain())
    local _, err = runtime:dispatch("Place", { id = "a", customer = "ada", total = 2 })
    assert.matches("domain.lua:7: sql: the fold that it belongs to has ended", err.message)
  end)

  it("bounds what one event records", function()
    assert.matches("sql: one event makes at most 1000 statements", outcome_of(
      when_two:format [[for _ = 1, 1001 do sql("DELETE FROM {revenue}") end]]))
    local large = [[
      for _ = 1, 100 do sql("DELETE FROM {revenue} WHERE customer = ?", ("x"):rep(100000)) end]]
    assert.matches("sql: the statements of one event have at most %d+ bytes",
      outcome_of(when_two:format(large)))
  end)

  it("needs a store with SQL", function()
    local runtime, err = domains.open(template:format(insert))
    assert.is_nil(runtime)
    assert.equal("usage", err.code)
    assert.matches("projection 'revenue' %(domain.lua:11%) keeps rows in SQL, which the store "
      .. "memory: has not; use one that has, such as sqlite:PATH", err.message)
  end)

  it("says at the start what is wrong with its schema", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local source = template:format(insert):gsub("total INTEGER NOT NULL", "total INTEGER NOT")
    local runtime, err = domains.open(source, { store = "sqlite:" .. path })
    assert.is_nil(runtime)
    assert.matches("projection revenue, the tables of build 1: .*syntax error", err.message)
  end)
end)
