-- How a stock Lua leaves: whatever was acknowledged is there afterwards, and nothing hangs.

local root = assert(os.getenv "NEAP_SOURCE", "NEAP_SOURCE says where the tree is")
local neap = require "neap"

local shop = root .. "/examples/shop/shop.lua"

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

local folder

setup(function()
  folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder))
end)
teardown(function() os.execute("rm -r " .. folder) end)

-- Runs a program that would be over at once, in 20 seconds at most (124: it was not).
local function run(line)
  local pipe = assert(io.popen(("timeout -k 1 20 %s 2>%s/words"):format(line, folder)))
  local out = pipe:read "a"
  local _, _, status = pipe:close()
  local words <close> = assert(io.open(folder .. "/words"))
  return out, status, words:read "a"
end

-- What goes on in the script before it leaves: some orders are acknowledged, others are under way.
local script = [[
local neap = require "neap"
local shop = assert(neap.open(%q, { store = %q, lanes = %d }))
for i = 1, 20 do
  assert(shop:dispatch("PlaceOrder", { order_id = "o-" .. i, customer = "ada", total = i }))
  io.write("o-", i, "\n")
end
io.flush()
local pending
for i = 21, 60 do
  pending = shop:send("PlaceOrder", { order_id = "o-" .. i, customer = "ada", total = i })
end
%s
]]

local ways = {
  { "comes to its end", "", 0 },
  { "has let go of the runtime", "shop = nil collectgarbage() collectgarbage()", 0 },
  { "calls os.exit", "os.exit(3)", 3 },
  { "calls os.exit and closes the state", "os.exit(3, true)", 3 },
  { "calls os.exit in a coroutine", "coroutine.wrap(function() os.exit(3, true) end)()", 3 },
  { "raises an error", "error 'no'", 1 },
  { "raises an error in a finalizer", "setmetatable({}, { __gc = function() error 'no' end })", 0 },
  { "uses the runtime in a finalizer",
    "setmetatable({}, { __gc = function() shop:drain(5) end })", 0 },
  { "uses in a finalizer what is gone by then", [[
local json, schema = require "neap.json", nil
local late = setmetatable({}, { __gc = function() print(json.encode({}, schema)) end })
schema = json.schema { name = "string?" }]], 0 },
  { "has an iterator open", "for event in shop:events() do if event then break end end", 0 },
  { "has closed the runtime and waits", "shop:close() pending:wait()", 0 },
  { "is terminated", "io.popen('kill -TERM $PPID'):close() while true do end", 124 + 19 },
  { "is killed", "io.popen('kill -KILL $PPID'):close() while true do end", 128 + 9 },
}

describe("a stock Lua", function()
  for _, lanes in ipairs { 0, 1 } do
    for _, way in ipairs(ways) do
      it(way[1] .. ", with " .. lanes .. " lanes", function()
        local store = os.tmpname()
        os.remove(store)
        write(folder .. "/script.lua", script:format(shop, "sqlite:" .. store, lanes, way[2]))
        local out, status, words = run("lua5.4 " .. folder .. "/script.lua")
        assert.equal(way[3], status, words)
        local runtime <close> = assert(neap.open(shop, { store = "sqlite:" .. store }))
        local acknowledged = 0
        for id in out:gmatch "o%-%d+" do
          acknowledged = acknowledged + 1
          assert.equal("placed", assert(runtime:state("Order", id)).status)
        end
        assert.equal(20, acknowledged)
        os.execute(("rm -f '%s' '%s'-*"):format(store, store))
      end)
    end
  end

  it("that is another version is told so", function()
    if not os.execute "command -v lua5.1 >/dev/null" then return pending "there is no lua5.1" end
    local paths = "LUA_PATH=" .. quoted(os.getenv "LUA_PATH_5_4") .. " LUA_CPATH="
      .. quoted(os.getenv "LUA_CPATH_5_4")
    local line = "env " .. paths .. " lua5.1 -e " .. quoted "print(pcall(require, 'neap'))"
    local out, status = run(line)
    assert.equal(0, status)
    assert.truthy(out:find("neap needs Lua 5.4, but this is Lua 5.1; run it with lua5.4", 1, true))
    out, status = run((line:gsub("'neap'", "'neap.internal'"):gsub("'\\'''neap.internal'\\'''",
      quoted "neap.internal")))
    assert.equal(0, status)
    assert.truthy(out:find("neap needs Lua 5.4, but this is another version of Lua", 1, true), out)
  end)
end)

describe("two states in one process", function()
  it("share one core, which stays when they are closed", function()
    local program = assert(os.getenv "NEAP_TWO_STATES")
    local out, status, words = run(("env LUA_PATH=%s LUA_CPATH=%s %s %s sqlite:%s/two.db"):format(
      quoted(os.getenv "LUA_PATH_5_4"), quoted(os.getenv "LUA_CPATH_5_4"), quoted(program),
      quoted(root .. "/spec/embed/two_states.lua"), folder))
    assert.equal(0, status, words)
    assert.equal("one core\n", out)
  end)
end)
