-- Stores as lines, from Lua.
local neap = require "neap"
local domains = require "spec.lua.domains"

local domain = [[
  local neap = require "neap"
  local shop = neap.domain "shop"
  shop:command "Place" { id = "string", n = "integer" }
  local Placed = shop:event "Placed" { id = "string", n = "integer" }
  shop:aggregate "Order" {
    key = "id",
    commands = { Place = function(_, command) return Placed(command) end },
    events = { Placed = function() end },
  }
  return shop
]]

describe("export, import and compare", function()
  local folder, store, copy

  before_each(function()
    local pipe <close> = assert(io.popen "mktemp -d")
    folder = pipe:read "l"
    store, copy = "sqlite:" .. folder .. "/a.db", "sqlite:" .. folder .. "/b.db"
    local file <close> = assert(io.open(folder .. "/shop.lua", "w"))
    file:write(domain)
  end)

  after_each(function()
    os.execute("rm -rf '" .. folder .. "'")
  end)

  local function fill(url, count)
    local runtime = assert(neap.open(folder .. "/shop.lua", { store = url }))
    for i = 1, count do assert(runtime:dispatch("Place", { id = "o-" .. i, n = i })) end
    return runtime
  end

  local function collect(...)
    local lines = {}
    for line in ... do lines[#lines + 1] = line end
    return lines
  end

  it("copy a store", function()
    fill(store, 3):close()
    assert.same({ appended = 3, there = 0 }, neap.import(copy, neap.export(store)))
    assert.is_true(neap.compare(store, copy))
    local lines = collect(neap.export(store))
    assert.truthy(lines[1]:find '^{"neap_export":')
    assert.truthy(lines[#lines]:find '^{"end":')
    assert.same({ appended = 0, there = 3 }, neap.import(copy, table.concat(lines, "\n")))
  end)

  it("export what a runtime has in memory", function()
    local runtime <close> = fill("memory:", 2)
    assert.same({ appended = 2, there = 0 }, neap.import(copy, runtime:export()))
    local event = collect(runtime:export { from = 2, types = "Placed" })[3]
    assert.truthy(event:find('"data":{"id":"o-2","n":2}', 1, true))
    assert.has_error(function() runtime:export { backward = true } end)
  end)

  it("end with the runtime", function()
    local runtime = fill("memory:", 2)
    local next_line = runtime:export()
    assert.is_string(next_line())
    runtime:close()
    assert.has_error(next_line)
  end)

  it("tell what is not as it should be", function()
    fill(store, 2):close()
    fill(copy, 1):close()
    local result, err = neap.import(copy, neap.export(store))
    assert.is_nil(result)
    assert.equal("conflict", err.code)
    assert.equal(2, err.line)
    local same, difference = neap.compare(store, copy)
    assert.is_false(same)
    assert.truthy(difference:find "^the command Place .*: id is %S+ here and %S+ there$")
    result, err = neap.import("sqlite:" .. folder .. "/c.db", "hello\n")
    assert.is_nil(result)
    assert.equal("line 1, column 1: expected a value, found 'h'", err.message)
    same, err = neap.compare(store, "sqlite:" .. folder .. "/c.db")
    assert.is_nil(same)
    assert.equal("unknown", err.code)
    assert.has_error(function() neap.export("sqlite:" .. folder .. "/c.db") end)
    assert.has_error(function() neap.import(copy, 7) end)
    assert.has_error(function() neap.import(copy, function() return 7 end) end)
    assert.has_error(function() neap.compare(store) end)
  end)

  it("renumber a part", function()
    fill(store, 3):close()
    local part = (neap.export(store, { from = 2 }))
    assert.same({ appended = 2, there = 0 }, neap.import(copy, part, { renumber = true }))
  end)

  it("are for hosts", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local said = {}
      for _, name in ipairs { "export", "import", "compare" } do
        local done, why = pcall(neap[name], "sqlite:x.db", "sqlite:y.db")
        said[#said + 1] = tostring(done) .. tostring(why):match "neap%.%a+ is for hosts"
      end
      spec:answer(spec:query "Said" {}, function() return said end)
      return spec
    ]])
    assert.same({ "falseneap.export is for hosts", "falseneap.import is for hosts",
      "falseneap.compare is for hosts" }, runtime:query "Said")
  end)
end)
