local json = require "dkjson"
local neap = require "neap_command"

local domain = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Placed = shop:event "Placed" { id = "string" }
local Place = shop:command "Place" { id = "string" }
local Check = shop:command "Check" { id = "string" }
local Checked = shop:event "Checked" { id = "string" }
shop:aggregate "Order" {
  key = "id", initial = {},
  commands = {
    Place = function(_, command) return Placed(command) end,
    Check = function(_, command)
      if command.id == "bad" then return neap.reject("bad", "it is \"bad\"") end
      return Checked(command)
    end,
  },
  events = { Placed = function() end, Checked = function() end },
}
shop:saga "checking" {
  key = "id", initial = {}, starts = { "Placed" },
  events = {
    Placed = function(saga, event, context)
      saga.status = "mine"
      context:send(Check { id = event.id })
    end,
    Checked = function(saga, event, context)
      if event.id == "odd" then error "odd" end
      context:complete()
    end,
  },
}
return shop
]]

describe("neap sagas", function()
  local folder, store

  setup(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/shop.db"
    local file = assert(io.open(folder .. "/shop.lua", "w"))
    file:write(domain)
    file:close()
    local input = {}
    for _, id in ipairs { "good", "bad", "odd" } do
      input[#input + 1] = ('{"command":"Place","data":{"id":"%s"}}\n'):format(id)
    end
    assert.equal(0, (neap.run({ "run", folder .. "/shop.lua", "--store", store },
      { stdin = table.concat(input) })))
  end)

  teardown(function() neap.remove(folder) end)

  local function list(...)
    local status, out, err = neap.run { "sagas", "list", "--store", store, ... }
    assert.same({ 0, "" }, { status, err })
    local found = {}
    for line in out:gmatch "([^\n]*)\n" do
      local saga = assert(json.decode(line), line)
      found[#found + 1] = saga.key .. " " .. saga.status
    end
    return table.concat(found, ", ")
  end

  it("lists them as JSON lines, by key", function()
    assert.equal("bad failed, good completed, odd stopped", list())
    assert.equal("bad failed, good completed, odd stopped", list "checking")
    assert.equal("odd stopped", list("checking", "--status", "stopped"))
    assert.equal("bad failed", list("--limit", "1"))
    assert.equal("", list "other")
  end)

  it("shows one", function()
    local status, out = neap.run { "sagas", "show", "checking", "odd", "--store", store }
    assert.equal(0, status)
    local saga = assert(json.decode(out))
    assert.same({ status = "mine" }, saga.state)
    assert.truthy(saga.reason:find "odd")
    assert.equal("event", saga.stopped_by:match "^%a+")
    local _, missing
    status, _, missing = neap.run { "sagas", "show", "checking", "none", "--store", store }
    assert.equal(1, status)
    assert.truthy(missing:find "no saga 'checking' with the key 'none'")
  end)

  it("says what is wrong with its arguments", function()
    for _, wrong in ipairs {
      { "sagas", "lst" }, { "sagas", "show", "checking" }, { "sagas", "list", "a", "b" },
      { "sagas", "show", "checking", "odd", "--limit", "3" },
    } do
      wrong[#wrong + 1] = "--store"
      wrong[#wrong + 1] = store
      assert.equal(2, (neap.run(wrong)))
    end
    local status, _, err = neap.run { "sagas", "list", "--status", "done", "--store", store }
    assert.equal(2, status)
    assert.truthy(err:find "running, completed")
  end)
end)
