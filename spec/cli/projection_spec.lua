-- The command and projections: what `neap run` recorded is projected when it ends.

local neap = require "neap_command"

local domain = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string", total = "integer" }
local Place = shop:command "Place" { id = "string", total = "integer" }
local Note = shop:command "Note" {}
local Get = shop:query "Get" { id = "string" }
shop:aggregate "Order" {
  key = "id",
  commands = { Place = function(_, command) return Placed(command) end },
  events = { Placed = function() end },
}
shop:projection "orders" {
  key = "id",
  events = { Placed = function(doc, event)
    doc.total = (doc.total or 0) + event.total
    if event.total == 0 then doc.total = 0/0 end
  end },
}
shop:handle(Note, function() end)
shop:answer(Get, function(query, context) return context:find("orders", query.id) end)
return shop
]]

describe("neap run, with a projection", function()
  local folder, file, store

  before_each(function()
    folder = neap.folder()
    file, store = folder .. "/shop.lua", "sqlite:" .. folder .. "/shop.db"
    local written <close> = assert(io.open(file, "w"))
    assert(written:write(domain))
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function run(...)
    local stdin = {}
    for _, total in ipairs { ... } do
      stdin[#stdin + 1] = total == "note" and '{"command":"Note","data":{}}\n'
        or ('{"command":"Place","data":{"id":"a","total":%d}}\n'):format(total)
    end
    return neap.run({ "run", file, "--store", store, "--quiet" }, { stdin = table.concat(stdin) })
  end

  local function answer()
    local status, out = neap.run { "query", file, "Get", '{"id":"a"}', "--store", store }
    assert.equal(0, status)
    return out
  end

  it("ends when all of it is in the documents", function()
    assert.equal(0, (run(1, 2, 3)))
    assert.equal('{"total":6}\n', answer())
    assert.equal(0, (run(4)))
    assert.equal('{"total":10}\n', answer())
  end)

  it("is listed by check", function()
    local status, out, err = neap.run { "check", file }
    assert.equal(0, status)
    assert.truthy(out:find("\nprojection  orders ", 1, true), out)
    assert.equal("neap: shop: 2 commands, 1 event, 1 query, 1 aggregate, 1 projection; nothing "
      .. "wrong\n", err)
  end)

  it("says what has stopped, and goes on deciding", function()
    local status, out, err = run(1, 0, "note", 2)
    assert.equal(1, status)
    assert.equal(4, select(2, out:gsub('"ok":true', "")))
    assert.truthy(err:find("neap: not caught up: projection 'orders' has stopped at position", 1,
      true), err)
    assert.truthy(err:find("document 'a': total: JSON has no NaN", 1, true), err)
  end)
end)
