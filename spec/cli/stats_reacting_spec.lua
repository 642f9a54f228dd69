-- What `neap stats` says of a store where not all went well.

local json = require "dkjson"
local neap = require "neap_command"

local shop = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string" }
shop:command "Place" { id = "string" }
shop:aggregate "Order" {
  key = "id", initial = {},
  commands = { Place = function(_, command) return Placed(command) end },
  events = { Placed = function() end },
}
%s
shop:projection "orders" { key = "id", events = { Placed = function(doc) doc.placed = true end } }
shop:subscriber "mailer" {
  events = { Placed = function(event) if event.id == "b" then error("no paper", 0) end end },
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
local note = [[
shop:handle(shop:command "Note" { id = "string" }, function() end)
]]

describe("neap stats, where not all went well,", function()
  local folder, domain, store

  local function run(text, ...)
    neap.write(domain, text)
    assert.equal(0, (neap.run({ "run", domain, "--store", store, "--quiet" },
      { stdin = table.concat({ ... }, "\n") .. "\n" })))
  end

  local function stats(...)
    local status, out = neap.run { "stats", "--store", store, ... }
    assert.equal(0, status)
    return out
  end

  setup(function()
    folder = neap.folder()
    domain, store = folder .. "/shop.lua", "sqlite:" .. folder .. "/shop.db"
    local lines = {}
    for i, id in ipairs { "a", "b", "b", "b", "c" } do
      lines[i] = ('{"command":"Place","data":{"id":"%s"}}'):format(id)
    end
    run(shop:format(note), table.unpack(lines))
    local after = 0.1
    repeat -- where it came while somebody still knew it, it is to come later
      run(shop:format(note), ('{"command":"Note","data":{"id":"n"},"after":%g}'):format(after))
      after = after * 5
    until stats():find "\nqueued +3\n"
    neap.wait("a command that nobody knows any more", function()
      run(shop:format "")
      return stats():find "\ndead "
    end)
  end)

  teardown(function() neap.remove(folder) end)

  it("tells people", function()
    local out = stats()
    for _, line in ipairs {
      "\nqueued     2\nnext due   %d+%-%d+%-%d+ %d+:%d+:%d+ UTC\n" ..
        "dead       1 of the queue: see `neap dead%-letters list %-%-queue`\n",
      "\nSUBSCRIPTION  KIND        STATE      VERSION  BUILD  POSITION  LAG  DOCUMENTS  " ..
        "DEAD LETTERS\n",
      "\nfulfilment    saga        1 stopped                         5    0          3 +\n",
      "\nmailer        subscriber                                    5    0             " ..
        "3, 2 waiting\n",
      "\norders        projection                   1      1         5    0          3 +\n",
    } do
      assert.truthy(out:find(line), line .. " in " .. out)
    end
  end)

  it("says that a checkpoint behind others' events may be at rest", function()
    assert.is_nil(stats():find("LAG counts", 1, true))
    run((shop:format(note):gsub("return shop", function()
      return [[
        local Lost = shop:event "Lost" { id = "string" }
        shop:subscriber "finder" { events = { Lost = function() end } }
        return shop]]
    end)))
    local out = stats()
    assert.truthy(out:find "\nfinder +subscriber +0 +5 ", out)
    assert.truthy(out:find("\nLAG counts the events of all types.", 1, true), out)
  end)

  it("tells machines", function()
    local told = assert(json.decode(stats "--json"))
    assert.equal(1, told.dead_commands)
    local by_name = {}
    for _, one in ipairs(told.subscriptions) do by_name[one.name] = one end
    assert.same({ 3, 1 }, { by_name.fulfilment.sagas, by_name.fulfilment.stopped_sagas })
    assert.same({ 3, 2 }, { by_name.mailer.dead_letters, by_name.mailer.waiting })
    assert.is_nil(by_name.orders.sagas)
  end)
end)
