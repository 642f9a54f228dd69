-- What reacts to events, in a store that a domain's first version wrote and its third goes on with.

local json = require "dkjson"
local neap = require "neap_command"

local first = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string", customer = "string", total = "integer" }
local Changed = shop:event "Changed" { id = "string", total = "integer", note = "string" }
local Closed = shop:event "Closed" { id = "string" }
shop:command "Place" { id = "string", customer = "string", total = "integer" }
shop:command "Change" { id = "string", total = "integer", note = "string" }
shop:command "Close" { id = "string" }
local Remind = shop:command "Remind" { id = "string", customer = "string" }
shop:aggregate "Order" {
  key = "id", initial = {},
  commands = {
    Place = function(_, command) return Placed(command) end,
    Change = function(_, command) return Changed(command) end,
    Close = function(_, command) return Closed(command) end,
    Remind = function() end,
  },
  events = { Placed = function() end, Changed = function() end, Closed = function() end },
}
shop:projection "orders" {
  key = "id",
  events = {
    Placed = function(doc, event) doc.customer, doc.total = event.customer, event.total end,
    Changed = function(doc, event) doc.total = event.total end,
  },
}
shop:subscriber "mailer" {
  events = { Placed = function() error "broken" end, Changed = function() end },
  retry = { attempts = 1 },
}
shop:saga "fulfilment" {
  key = "id", initial = {}, starts = { "Placed" },
  events = {
    Placed = function(saga, event, context)
      saga.customer = event.customer
      context:send(Remind { id = event.id, customer = event.customer }, { after = 3600 })
      context:timeout("late", 7200)
    end,
    Closed = function(_, _, context) context:complete() end,
  },
  timeouts = { late = function() end },
}
return shop
]]

-- Version 3 of Placed: a client, cents, another name. Changed is two events. %s: what else.
local third = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Ordered = shop:event("Ordered", { formerly = "Placed" })
  { id = "string", client = "string", cents = "integer" }
Ordered:upcast(function(data)
  data.client, data.customer = data.customer, nil
  return data
end)
Ordered:upcast(function(data)
  data.cents, data.total = data.total * 100, nil
  return data
end)
local Priced = shop:event "Priced" { id = "string", cents = "integer" }
local Noted = shop:event "Noted" { id = "string", note = "string" }
local Closed = shop:event "Closed" { id = "string" }
shop:retired("Changed", function(data)
  return Priced { id = data.id, cents = data.total * 100 }, Noted { id = data.id, note = data.note }
end)
shop:command "Close" { id = "string" }
shop:command "Order" { id = "string", client = "string", cents = "integer" }
shop:aggregate "Order" {
  key = "id", initial = {},
  commands = {
    Close = function(_, command) return Closed(command) end,
    Order = function(_, command) return Ordered(command) end,
  },
  events = {
    Ordered = function() end, Priced = function() end, Noted = function() end,
    Closed = function() end,
  },
}
shop:service("log", function()
  return {
    write = function(text)
      local file <close> = assert(io.open("LOG", "a"))
      file:write(text .. "\n")
    end,
  }
end)
shop:projection "orders" {
  key = "id", version = 2,
  events = {
    Ordered = function(doc, event) doc.client, doc.cents = event.client, event.cents end,
    Priced = function(doc, event) doc.cents = event.cents end,
    Noted = function(doc, event) doc.note = event.note end,
  },
}
%s
return shop
]]

local mailer = [[
shop:subscriber "mailer" {
  events = {
    Ordered = function(event, context)
      context.services.log.write("ordered " .. event.client .. " " .. event.cents)
    end,
    Priced = function(event, context) context.services.log.write("priced " .. event.cents) end,
    Noted = function(event, context) context.services.log.write("noted " .. event.note) end,
  },
  retry = { attempts = 1 },
}
]]
local fulfilment = [[
shop:handle(shop:command "Remind" { id = "string", customer = "string" }, function() end)
shop:saga "fulfilment" {
  key = "id", initial = {}, starts = { "Ordered" },
  events = {
    Ordered = function(saga, event) saga.client = event.client end,
    Closed = function(saga, _, context)
      saga.closed = saga.client or saga.customer
      context:complete()
    end,
  },
  timeouts = { late = function() end },
}
shop:saga "audit" {
  key = "id", initial = { cents = 0 }, starts = { "Ordered" },
  events = {
    Ordered = function(saga, event) saga.client, saga.cents = event.client, event.cents end,
    Priced = function(saga, event) saga.cents = event.cents end,
    Noted = function(saga, event) saga.note = event.note end,
  },
}
]]

describe("what reacts, in a store that a domain's first version wrote,", function()
  local folder, domain, store

  local function run(text, ...)
    neap.write(domain, (text:gsub("LOG", folder .. "/log")))
    return neap.run({ "run", domain, "--store", store, "--quiet" },
      { stdin = table.concat({ ... }, "\n") .. "\n" })
  end

  local function go_on(more, ...)
    local status, out, err = run(third:format(more), ...)
    assert.same({ 0, "neap: projection 'orders' has been rebuilt: build 2 is live\n" },
      { status, err }, out)
  end

  local function check(text)
    neap.write(domain, (text:gsub("LOG", folder .. "/log")))
    local status, out, err = neap.run { "check", domain, "--store", store }
    return status, out, err
  end

  local function query(projection, key)
    local status, out, err = neap.run { "query", domain, projection, key, "--store", store }
    assert.same({ 0, "" }, { status, err })
    return out
  end

  local function log()
    local file <close> = io.open(folder .. "/log", "rb")
    return file and file:read "a" or ""
  end

  before_each(function()
    folder = neap.folder()
    domain, store = folder .. "/shop.lua", "sqlite:" .. folder .. "/shop.db"
    assert.equal(0, (run(first,
      '{"command":"Place","data":{"id":"a","customer":"ada","total":7}}',
      '{"command":"Place","data":{"id":"b","customer":"bob","total":1}}',
      '{"command":"Change","data":{"id":"a","total":8,"note":"gift"}}')))
  end)

  after_each(function() neap.remove(folder) end)

  it("are projections, which are built anew out of old events", function()
    go_on ""
    assert.equal('{"cents":800,"client":"ada","note":"gift"}\n', query("orders", "a"))
    assert.equal('{"cents":100,"client":"bob"}\n', query("orders", "b"))
  end)

  it("are subscribers, whose dead letters go through upcasters, renamed and split", function()
    go_on(mailer)
    assert.equal("", log())
    local status, _, err = neap.run { "dead-letters", "retry", domain, "mailer", "--store", store }
    assert.same({ 0, "neap: mailer: 3 handled\n" }, { status, err })
    assert.equal("ordered ada 700\nordered bob 100\npriced 800\nnoted gift\n", log())
  end)

  it("are dead letters of a type that is retired, which are passed over", function()
    local text = third:format(mailer):gsub('shop:retired%("Changed".-end%)',
      'shop:retired "Changed"')
    neap.write(domain, (text:gsub("LOG", folder .. "/log")))
    local status, _, err = neap.run { "dead-letters", "retry", domain, "mailer", "--store", store }
    assert.same({ 0, "neap: mailer: 3 handled\n" }, { status, err })
    assert.equal("ordered ada 700\nordered bob 100\n", log())
  end)

  it("are new subscribers and sagas, which read it from its beginning", function()
    go_on((mailer:gsub('"mailer"', '"post"') .. fulfilment))
    assert.equal("ordered ada 700\nordered bob 100\npriced 800\nnoted gift\n", log())
    local _, out = neap.run { "sagas", "show", "audit", "a", "--store", store }
    assert.same({ client = "ada", cents = 800, note = "gift" }, json.decode(out).state)
  end)

  it("are sagas, which go on with the state that they have", function()
    go_on(mailer .. fulfilment, '{"command":"Close","data":{"id":"a"}}')
    local _, out = neap.run { "sagas", "show", "fulfilment", "a", "--store", store }
    local saga = json.decode(out)
    assert.same({ "completed", "ada" }, { saga.status, saga.state.closed })
  end)

  it("has what its third cannot go on with", function()
    local status, out = check(third:format "")
    assert.equal(1, status)
    for _, finding in ipairs {
      "saga 'fulfilment' +1 +yes +2 of them have not ended, and the domain has no saga",
      "queue, saga 'fulfilment' +4 +yes +what it has there waits, and the domain has no such saga",
      "queue, command 'Remind' +2 +yes +there is no command 'Remind'",
      "dead letters of 'mailer' +3 +yes +the domain has no such subscriber +" ..
        "`neap dead%-letters drop mailer`",
      "subscriber 'mailer' +1 +no +is in the store, and not in the domain",
    } do
      assert.truthy(out:find(finding), finding .. " in " .. out)
    end
    local err
    status, out, err = check(third:format(mailer .. fulfilment))
    assert.equal(0, status)
    assert.truthy(err:find("nothing wrong", 1, true), err)
    assert.is_nil(out:find "yes", out)
  end)

  it("has timeouts that a saga has no function for any more", function()
    local status, out = check((third:format(mailer .. fulfilment):gsub("late = function%(%) end",
      "later = function() end")))
    assert.equal(1, status)
    assert.truthy(out:find("queue, saga 'fulfilment' +2 +yes +nothing in 'timeouts' is called "
      .. "'late' +keep a function for it until they have ended"), out)
  end)

  it("has commands in the queue whose fields are others by now", function()
    local status, out = check((third:format(mailer .. fulfilment):gsub(
      '"Remind" { id = "string", customer = "string" }', '"Remind" { id = "string" }')))
    assert.equal(1, status)
    assert.truthy(out:find "queue, command 'Remind' +2 +yes +.*customer.*let its fields be", out)
  end)

  it("has dead letters and subscriptions that come to what cannot be read", function()
    local text = third:format(mailer .. fulfilment):gsub(
      "data.client, data.customer = data.customer, nil", 'error "cannot"')
    local status, out = check(text)
    assert.equal(1, status)
    for _, finding in ipairs {
      "\ndead letters of 'mailer' +2 +yes +events 'Placed' of schema version 1 cannot be read: ",
      "\nprojection 'orders' +1 +no +built anew, would come to events 'Placed' of schema version 1",
    } do
      assert.truthy(out:find(finding), finding .. " in " .. out)
    end
  end)

  it("has subscriptions that are another kind, in other partitions, or ahead", function()
    local status, out, _ = check(third:format((mailer:gsub("retry", "partitions = 4, retry"))))
    assert.equal(1, status)
    assert.truthy(out:find(
      "subscriber 'mailer' +1 +no +has 1 partitions? in the store, and 4 in the domain"), out)
    _, out = check((third:format(mailer):gsub('"orders"', '"orders2"')
      :gsub('"mailer"', '"orders"')))
    assert.truthy(out:find "projection 'orders' +1 +yes +is a subscriber in the domain", out)
    neap.change(folder .. "/shop.db", [[UPDATE document_rows SET
      data = '{"generation":1,"position":9}' WHERE key = 'mailer@1/0']])
    _, out = check(third:format(mailer))
    assert.truthy(out:find "subscriber 'mailer' +1 +yes +is at position 9, ahead of the last", out)
  end)
end)
