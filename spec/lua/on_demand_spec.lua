-- Live projections: folded when somebody asks, and kept nowhere.

local domains = require "spec.lua.domains"

local source = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Changed = shop:event "Changed" { id = "string", by = "integer" }
local Closed = shop:event "Closed" { id = "string" }
shop:command "Change" { id = "string", by = "integer" }
shop:command "Close" { id = "string" }
local Ask = shop:query "Ask" { id = "string" }
shop:aggregate "Account" {
  key = "id",
  initial = {},
  commands = {
    Change = function(_, command) return Changed { id = command.id, by = command.by } end,
    Close = function(_, command) return Closed { id = command.id } end,
  },
  events = { Changed = function() end, Closed = function() end },
}
shop:projection "accounts" {
  key = function(event) return event.id, "all" end, live = true,
  events = {
    Changed = function(doc, event)
      if event.by == 13 then error "unlucky" end
      doc.sum, doc.changes = (doc.sum or 0) + event.by, (doc.changes or 0) + 1
    end,
    Closed = function() return neap.delete end,
  },
}
shop:answer(Ask, function(query, context)
  return { document = context:find("accounts", query.id) }
end)
return shop
]]

local function change(runtime, id, by)
  assert(runtime:dispatch("Change", { id = id, by = by }, { wait_for = "accounts" }))
end

describe("a live projection", function()
  for _, lanes in ipairs { 0, 1, 3 } do
    it("is the fold of the log whenever it is asked, with lanes = " .. lanes, function()
      local runtime <close> = assert(domains.open(source, { lanes = lanes }))
      local model = {}
      assert.is_nil(runtime:find("accounts", "k1"))
      for i = 1, 120 do
        local id = "k" .. math.random(4)
        if math.random(8) == 1 then
          assert(runtime:dispatch("Close", { id = id }))
          model[id], model.all = nil, nil
        else
          change(runtime, id, 20 + i)
          for _, key in ipairs { id, "all" } do
            local doc = model[key] or { sum = 0, changes = 0 }
            model[key] = { sum = doc.sum + 20 + i, changes = doc.changes + 1 }
          end
        end
        assert.same(model[id], runtime:find("accounts", id))
        assert.same(model.all, runtime:find("accounts", "all"))
        assert.same(model[id], runtime:query("Ask", { id = id }).document)
      end
    end)
  end

  it("reads as many events as there are", function()
    local runtime <close> = assert(domains.open(source))
    for i = 1, 2500 do runtime:send("Change", { id = "k" .. i % 3, by = 1 }) end
    assert(runtime:drain())
    assert.same({ sum = 2500, changes = 2500 }, runtime:find("accounts", "all"))
    assert.equal(833, runtime:find("accounts", "k0").changes)
  end)

  it("cannot be listed, rebuilt or caught up with", function()
    local runtime <close> = assert(domains.open(source))
    local list, err = runtime:list "accounts"
    assert.is_nil(list)
    assert.equal("usage", err.code)
    assert.equal("projection 'accounts' is live: it is folded for one key at a time, and cannot be "
      .. "listed", err.message)
    assert.equal("usage", select(2, runtime:rebuild "accounts").code)
    assert.equal("usage", select(2, runtime:catch_up "accounts").code)
  end)

  it("says at which event its fold fails", function()
    local runtime <close> = assert(domains.open(source))
    change(runtime, "a", 1)
    change(runtime, "b", 13)
    local document, err = runtime:find("accounts", "b")
    assert.is_nil(document)
    assert.equal("handler", err.code)
    assert.matches("projection 'accounts', event 'Changed' at position 2 %(Account%-b, 1%): "
      .. "key 'b': .*unlucky", err.message)
    assert.same({ sum = 1, changes = 1 }, runtime:find("accounts", "a"))
  end)
end)
