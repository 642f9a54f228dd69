-- What `neap verify` finds in what a store keeps beside its events.

local neap = require "neap_command"

local shop = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string", total = "integer" }
shop:command "Place" { id = "string", total = "integer" }
shop:aggregate "Order" {
  key = "id", initial = {},
  commands = { Place = function(_, command) return Placed(command) end },
  events = { Placed = function() end },
}
shop:projection "orders" {
  key = "id", events = { Placed = function(doc, event) doc.total = event.total end },
}
shop:subscriber "mailer" {
  events = { Placed = function(event) if event.id == "b" then error "no paper" end end },
  retry = { attempts = 1 },
}
shop:saga "fulfilment" {
  key = "id", initial = {}, starts = { "Placed" },
  events = { Placed = function(_, event, context)
    if event.id == "c" then error "no" end
    context:timeout("payment", 3600)
  end },
  timeouts = { payment = function() end },
}
return shop
]]

describe("neap verify, of what is kept beside events,", function()
  local folder, store

  setup(function()
    folder = neap.folder()
    store = folder .. "/shop.db"
    neap.write(folder .. "/shop.lua", shop)
    local lines = {}
    for i, id in ipairs { "a", "b", "b", "b", "c" } do
      lines[i] = ('{"command":"Place","data":{"id":"%s","total":%d}}\n'):format(id, i)
    end
    lines[6] = '{"command":"Place","data":{"id":"d","total":6},"after":3600,"name":"later"}\n'
    assert.equal(0, (neap.run({ "run", folder .. "/shop.lua", "--store", "sqlite:" .. store,
      "--quiet" }, { stdin = table.concat(lines) })))
  end)

  teardown(function() neap.remove(folder) end)

  local function verify(sql)
    local copy = folder .. "/copy.db"
    for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do os.remove(copy .. ending) end
    neap.write(copy, neap.read(store))
    if sql then neap.change(copy, sql) end
    return neap.run { "verify", "--store", "sqlite:" .. copy }
  end

  it("has nothing to find where nothing was changed", function()
    local status, out, err = verify()
    assert.same({ 0, "" }, { status, out })
    assert.truthy(err:find("nothing wrong", 1, true), err)
  end)

  local function of(collection)
    return " collection = (SELECT id FROM collections WHERE name = '" .. collection .. "') "
  end

  local function set(collection, path, value, where)
    return "UPDATE document_rows SET data = json_set(data, '$." .. path .. "', " .. value ..
      ") WHERE" .. of(collection) .. (where or "")
  end

  local function drop(collection, where)
    return "DELETE FROM document_rows WHERE" .. of(collection) .. (where or "")
  end

  local function put(collection, key, data)
    return ("INSERT INTO document_rows SELECT id, '%s', '%s' FROM collections WHERE name = '%s'")
      :format(key, data, collection)
  end

  local second = "AND key = 'mailer/00000000000000000003'"
  for what, case in pairs {
    ["a checkpoint ahead of the log"] = { set("$checkpoint", "position", 99),
      "The checkpoint orders@1/0 is at position 99; the last one is 5." },
    ["a checkpoint that is missing"] = { drop("$checkpoint", "AND key = 'orders@1/0'"),
      "The subscription orders has no checkpoint orders@1/0." },
    ["a checkpoint of nobody's"] = {
      put("$checkpoint", "other@1/0", '{"generation":1,"position":1}'),
      "1 of the checkpoints are of no subscription's build." },
    ["a checkpoint that is damaged"] = { set("$checkpoint", "position", "'x'"),
      "The checkpoint mailer@1/0: a checkpoint is damaged" },
    ["a record that cannot be"] = { set("$subscription", "build", 7),
      "The subscription orders has build 7 and next 0 of 1, in 1 partitions; that cannot be." },
    ["a record that is damaged"] = { set("$subscription", "paused", 7),
      "The subscription mailer: " },
    ["a name that points to nothing"] = { "UPDATE document_rows SET data = '0' WHERE" ..
      of "$queue_name" .. "AND key = '/later'",
      "The name /later of the queue points to 0, which is not there." },
    ["a name that points to another's"] = { "UPDATE document_rows SET data = (SELECT key FROM " ..
      "document_rows WHERE" .. of "$queue" .. "AND data LIKE '%payment%') WHERE" ..
      of "$queue_name" .. "AND key = '/later'",
      "which has the name 'saga/fulfilment/a/payment'." },
    ["an entry that is none"] = { "UPDATE document_rows SET data = '{}' WHERE" .. of "$queue",
      "of $queue is no entry of the queue." },
    ["a document that is no JSON"] = {
      "UPDATE document_rows SET data = '{' WHERE" .. of "orders@1" .. "AND key = 'a'",
      "The document a of orders@1 is no JSON: " },
    ["a letter that was tried out of order"] = { set("$dead_letter", "attempts", 2, second),
      "The dead letter mailer/00000000000000000003 was tried, and not the one before it" },
    ["a letter in another place"] = { set("$dead_letter", "position", 4, second),
      "The dead letter mailer/00000000000000000003 is of 'mailer' at position 4." },
    ["a letter of another event"] = { set("$dead_letter", "type", "'Paid'", second),
      "The dead letter mailer/00000000000000000003 names another event" },
    ["a letter that is damaged"] = { set("$dead_letter", "stream", 1, second),
      "The dead letter mailer/00000000000000000003 is damaged." },
    ["a letter behind its checkpoint"] = {
      set("$checkpoint", "position", 3, "AND key = 'mailer@1/0'"),
      "The dead letter mailer/00000000000000000004 is behind its checkpoint, 3." },
    ["a saga that has stopped and is not listed so"] = { drop "$saga_stopped:fulfilment",
      "The saga fulfilment c has stopped, and is not among those that have." },
    ["a saga that is listed so and has not stopped"] = {
      put("$saga_stopped:fulfilment", "a", "{}"),
      "1 of the sagas that are listed as stopped have not." },
    ["a saga ahead of the log"] = { set("$saga:fulfilment", "position", 99, "AND key = 'a'"),
      "$saga:fulfilment a has handled position 99; the last one is 5." },
    ["a saga that is damaged"] = { set("$saga:fulfilment", "status", "'x'", "AND key = 'a'"),
      "$saga:fulfilment a: " },
  } do
    it("finds " .. what, function()
      local status, out = verify(case[1])
      assert.equal(1, status)
      assert.truthy(out:find(case[2], 1, true), out)
    end)
  end
end)
