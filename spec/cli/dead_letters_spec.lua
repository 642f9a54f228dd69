-- What could not be handled: listed, shown, tried again, dropped.

local json = require "dkjson"
local neap = require "neap_command"

-- %s: a service's file; what the mailer does with an event; what else there is.
local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string", total = "integer" }
shop:command "Place" { id = "string", total = "integer" }
shop:aggregate "Order" {
  key = "id", initial = {},
  commands = { Place = function(_, command) return Placed(command) end },
  events = { Placed = function() end },
}
shop:service("log", function()
  return {
    write = function(text)
      local file <close> = assert(io.open("%s", "a"))
      file:write(text)
    end,
  }
end)
shop:subscriber "mailer" {
  events = { Placed = function(event, context) %s end },
  retry = { attempts = 1 },
}
%s
return shop
]]
local remind = [[
local Reminded = shop:event "Reminded" { id = "string" }
shop:aggregate "Note" {
  key = "id", initial = {},
  commands = { Remind = function(_, command) return Reminded(command) end },
  events = { Reminded = function() end },
}
shop:command "Remind" { id = "string" }
]]
local fails = 'if event.total > 9 then error "no paper" end'

describe("neap dead-letters", function()
  local folder, domain, store

  local function define(mailer, more)
    neap.write(domain, template:format(folder .. "/log", mailer or "", more or ""))
  end

  before_each(function()
    folder = neap.folder()
    domain, store = folder .. "/shop.lua", "sqlite:" .. folder .. "/shop.db"
    define(fails)
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function run(lines)
    return neap.run({ "run", domain, "--store", store, "--quiet" }, { stdin = lines or "" })
  end

  local function place(id, total)
    return ('{"command":"Place","data":{"id":"%s","total":%d}}\n'):format(id, total)
  end

  local function letters(...)
    local arguments = { "dead-letters", ... }
    arguments[#arguments + 1] = "--store"
    arguments[#arguments + 1] = store
    return neap.run(arguments)
  end

  local function listed(...)
    local status, out, err = letters("list", ...)
    assert.same({ 0, "" }, { status, err })
    local all = {}
    for line in out:gmatch "[^\n]+" do all[#all + 1] = assert(json.decode(line)) end
    return all
  end

  local function three_letters()
    assert.equal(0, (run(place("a", 1) .. place("a", 10) .. place("b", 2) .. place("a", 3) ..
      place("c", 11))))
  end

  it("lists them as JSON lines", function()
    three_letters()
    local all = listed()
    assert.equal(3, #all)
    assert.same({ 2, 4, 5 }, { all[1].position, all[2].position, all[3].position })
    assert.same({ 1, 0, 1 }, { all[1].attempts, all[2].attempts, all[3].attempts })
    assert.same({ "mailer", "Order-a", "Placed" },
      { all[1].subscription, all[1].stream, all[1].type })
    assert.truthy(all[1].error.message:find("no paper", 1, true))
    assert.same(all, listed "mailer")
    assert.same({}, listed "mail")
    assert.same({}, listed "--queue")
  end)

  it("shows one, with its event, its error, and what waits behind it", function()
    three_letters()
    local status, out, err = letters("show", "mailer", "2")
    assert.same({ 0, "" }, { status, err })
    for _, text in ipairs { "subscription mailer\n", "letter       2\n", "type         Placed\n",
      "stream       Order-a\n", "attempts     1, the last at 20", "code         handler\n",
      "shop.lua:19: no paper\n", "in the function at line 19\n", '"total":10',
      "behind it    4 Placed\n" } do
      assert.truthy(out:find(text, 1, true), text .. " in " .. out)
    end
    local _
    status, out = letters("show", "mailer", "2", "--json")
    local shown = assert(json.decode(out))
    assert.equal(0, status)
    assert.same({ 2, 10 }, { shown.letter.position, shown.event.data.total })
    assert.same({ 4 }, { table.unpack(shown.behind) })
    status, out = letters("show", "mailer", "4")
    assert.equal(0, status)
    assert.truthy(out:find("none: it waits behind another", 1, true), out)
    status, _, err = letters("show", "mailer", "3")
    assert.same({ 1, "neap: 'mailer' has no dead letter 3\n" }, { status, err })
  end)

  it("retries those of one stream, in order", function()
    three_letters()
    define 'context.services.log.write(event.id .. event.total .. " ")'
    local status, out, err, _ = letters("retry", domain, "mailer", "2")
    assert.same({ 0, "", "neap: mailer: 2 handled\n" }, { status, out, err })
    assert.equal("a10 a3 ", neap.read(folder .. "/log"))
    assert.equal(1, #listed())
    status, _, err = letters("retry", domain, "--all")
    assert.same({ 0, "neap: mailer: 1 handled\n" }, { status, err })
    assert.equal("a10 a3 c11 ", neap.read(folder .. "/log"))
    status, _, err = letters("retry", domain, "mailer")
    assert.same({ 0, "neap: there are no dead letters\n" }, { status, err })
  end)

  it("says what failed again", function()
    three_letters()
    define('if event.total > 10 then error "no ink" end')
    local status, _, err = letters("retry", domain, "mailer")
    assert.equal(1, status)
    assert.truthy(err:find("neap: mailer: 2 handled, 1 failed again\n", 1, true), err)
    local left = listed()
    assert.same({ 1, 5, 2 }, { #left, left[1].position, left[1].attempts })
    define(fails)
    status, _, err = letters("retry", domain, "mailer", "2")
    assert.equal(1, status)
    assert.truthy(err:find("'mailer' has no dead letter 2", 1, true), err)
  end)

  it("drops one, and says what waits on", function()
    three_letters()
    local status, out, err, _ = letters("drop", "mailer", "2")
    assert.same({ 0, "" }, { status, out })
    assert.truthy(err:find("mailer: 1 dead letter dropped\n", 1, true), err)
    assert.truthy(err:find("1 event still waits; `neap dead-letters retry DOMAIN.lua mailer`", 1,
      true), err)
    assert.equal(2, #listed())
    assert.equal(0, (run(place("a", 4)))) -- waits as well, so that the order is kept
    assert.equal(3, #listed())
    assert.equal(1, (letters("retry", domain, "mailer")))
    assert.same(5, listed()[1].position)
    status, _, err = letters("drop", "--all")
    assert.same({ 0, "neap: 1 dead letter dropped\n" }, { status, err })
    assert.same({}, listed())
  end)

  it("drops those of a subscription that is gone", function()
    three_letters()
    neap.write(domain, (neap.read(domain):gsub('"mailer"', '"post"')))
    assert.same({ 0, "", "neap: mailer: 3 dead letters dropped\n" },
      { letters("drop", "mailer") })
  end)

  -- A command that the domain does not know any more when its moment comes.
  local function dead_command(name)
    local seen = 1
    define("", remind)
    local options = name and (',"name":"%s"'):format(name) or ""
    local line = '{"command":"Remind","data":{"id":"n1"},"after":%g%s}\n'
    local after = 0.1
    while true do
      assert.equal(0, (run(line:format(after, options))))
      local _, done = neap.run { "events", "--store", store, "--type", "Reminded",
        "--from", tostring(seen) }
      if done == "" then break end
      seen = 1 + assert(json.decode(done)).position -- where it came in time, it is to come later
      after = after * 5
    end
    define ""
    return neap.wait("a dead letter", function()
      run()
      return listed "--queue"[1]
    end)
  end

  it("shows, and puts back, a command of the queue", function()
    local letter = dead_command()
    assert.same({ "$queue", "Remind", "n1" },
      { letter.subscription, letter.entry.command, letter.entry.data.id })
    local status, out = letters("show", "--queue", letter.id)
    assert.equal(0, status)
    assert.truthy(out:find("command      Remind\n", 1, true), out)
    assert.truthy(out:find('data         {"id":"n1"}\n', 1, true), out)
    local _, err
    status, _, err = letters("retry", domain, "--queue")
    assert.equal(1, status)
    assert.truthy(err:find("neap: $queue: 0 done, 1 a dead letter still\n", 1, true), err)
    define("", remind)
    status, _, err = letters("retry", domain, "--queue", letter.id)
    assert.same({ 0, "neap: $queue: 1 done\n" }, { status, err })
    assert.same({}, listed())
    _, out = neap.run { "events", "--store", store, "--type", "Reminded" }
    assert.equal(letter.id, assert(json.decode(out)).command_id)
  end)

  it("drops a command of the queue", function()
    local letter = dead_command()
    local status, _, err = letters("drop", "--queue", "01234567-89ab-cdef-0123-456789abcdef")
    assert.equal(1, status)
    assert.truthy(err:find("'$queue' has no dead letter 01234567", 1, true), err)
    assert.same({ 0, "", "neap: $queue: 1 dead letter dropped\n" },
      { letters("drop", "--queue", letter.id) })
    assert.same({}, listed())
  end)

  it("does not put back what has another's name", function()
    local letter = dead_command "again"
    define("", remind)
    assert.equal(0, (run '{"command":"Remind","data":{"id":"n2"},"after":3600,"name":"again"}\n'))
    local status, _, err = letters("retry", domain, "--queue", letter.id)
    assert.equal(1, status)
    assert.truthy(err:find("another command is called 'again' in the queue by now", 1, true), err)
    status, _, err = letters("retry", domain, "--all")
    assert.equal(1, status)
    assert.truthy(err:find("0 done, 1 a dead letter still", 1, true), err)
    assert.equal(0, (neap.run { "timers", "cancel", "again", "--store", store }))
    assert.equal(0, (letters("retry", domain, "--queue", letter.id)))
  end)

  it("needs the store alone, and names who has it", function()
    three_letters()
    local holder = neap.start { "run", domain, "--store", store }
    holder:send(place("d", 1))
    holder:lines(1)
    local status, _, err = letters("retry", domain, "mailer")
    assert.equal(3, status)
    assert.truthy(err:find "process %d+", err)
    status, _, err = letters("drop", "mailer")
    assert.equal(3, status)
    assert.truthy(err:find "process %d+", err)
    assert.equal(3, #listed())
    holder:close()
    holder:cleanup()
  end)

  it("says what is wrong with the command line", function()
    for _, case in ipairs {
      { { "lst" }, "what is 'lst'? It is list, show, retry or drop" },
      { { "retry" }, "retry needs DOMAIN.lua" },
      { { "retry", "shop.lua" }, "whose? A SUBSCRIPTION, --queue, or --all" },
      { { "drop" }, "whose? A SUBSCRIPTION, --queue, or --all" },
      { { "drop", "mailer", "--all" }, "--all means all" },
      { { "show", "mailer" }, "show needs SUBSCRIPTION, or --queue, and the LETTER" },
      { { "list", "mailer", "2" }, "'2' is one too many" },
      { { "drop", "mailer", "2", "3" }, "'3' is one too many" },
    } do
      local status, _, err = letters(table.unpack(case[1]))
      assert.equal(2, status)
      assert.truthy(err:find(case[2], 1, true), err)
    end
    local status, _, err = letters("list")
    assert.equal(3, status)
    assert.truthy(err:find("there is no store at", 1, true), err)
    three_letters()
    status, _, err = letters("drop", "mailer", "two")
    assert.equal(1, status)
    assert.truthy(err:find('"two" is no position of an event', 1, true), err)
  end)
end)
