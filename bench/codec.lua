-- The JSON codec beside lua-cjson, on events of about 160 bytes: medians and ratios.
--
--   lua5.4 bench/codec.lua [rounds]
--
-- Needs `neap` and `cjson` on the paths of Lua.

local json = require "neap.json"
local found, cjson = pcall(require, "cjson")
if not found then
  io.stderr:write("lua-cjson is missing. On Debian: apt-get install lua-cjson\n")
  os.exit(2)
end

local rounds = tonumber(arg and arg[1]) or 41
local calls = 4000

local events = {
  {
    name = "an order: texts, integers, a float, a list of two lines",
    text = '{"customer":"ada lovelace","items":[{"qty":2,"sku":"A-1001"},{"qty":1,"sku":"B-2002"}],'
      .. '"order_id":"o-184467","placed_at":1718000000123456,"rate":0.0825,"total":4200}',
    fields = {
      customer = "string",
      items = { { qty = "integer", sku = "string" } },
      order_id = "string",
      placed_at = "integer",
      rate = "number",
      total = "integer",
      note = "string?",
    },
  },
  {
    name = "mostly text: four texts, a boolean, a list of three texts",
    text = '{"active":true,"customer":"c-000123","items":["A-1001","B-2002","C-3003"],'
      .. '"order_id":"o-0000000042","placed_at":"2026-05-01T12:30:45Z","rate":0.0825,'
      .. '"total":129900}',
    fields = {
      active = "boolean",
      customer = "string",
      items = { "string" },
      order_id = "string",
      placed_at = "string",
      rate = "number",
      total = "integer",
      note = "string?",
    },
  },
}

-- Nanoseconds of one call.
local function timed(work)
  local run, value, schema = work[1], work[2], work[3]
  collectgarbage()
  local from = os.clock()
  if schema then
    for _ = 1, calls do run(value, schema) end
  else
    for _ = 1, calls do run(value) end
  end
  return (os.clock() - from) / calls * 1e9
end

-- The median of each work's rounds; the works take turns, so that what slows the machine slows all.
local function medians(works)
  local times = {}
  for name in pairs(works) do times[name] = {} end
  for _ = 1, rounds do
    for name, work in pairs(works) do table.insert(times[name], timed(work)) end
  end
  local result = {}
  for name, list in pairs(times) do
    table.sort(list)
    result[name] = list[(#list + 1) // 2]
  end
  return result
end

local native = require("neap.internal").json

for _, event in ipairs(events) do
  local schema = json.schema(event.fields, "Event")
  local value = assert(json.decode(event.text, schema))
  assert(json.encode(value) == event.text, "the event is not canonical")
  assert(json.encode(value, schema) == event.text)

  local ns = medians {
    ["cjson decode"] = { cjson.decode, event.text },
    ["cjson encode"] = { cjson.encode, value },
    ["decode"] = { native.decode, event.text },
    ["encode"] = { native.encode, value },
    ["decode, checked"] = { native.decode, event.text, schema },
    ["encode, checked"] = { native.encode, value, schema },
  }

  print(("%s (%d bytes)"):format(event.name, #event.text))
  print(("  %-18s %8s %8s %8s"):format("", "cjson ns", "neap ns", "ratio"))
  for _, name in ipairs { "decode", "encode", "decode, checked", "encode, checked" } do
    local base = ns["cjson " .. name:match "^%a+"]
    print(("  %-18s %8.0f %8.0f %8.2f"):format(name, base, ns[name], base / ns[name]))
  end
end
