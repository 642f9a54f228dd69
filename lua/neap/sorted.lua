-- Iteration in the order in which keys are recorded.

local function before(a, b)
  local type_of_a, type_of_b = type(a), type(b)
  if type_of_a ~= type_of_b then
    return type_of_a < type_of_b
  end
  if type_of_a == "string" or type_of_a == "number" then
    return a < b
  end
  return tostring(a) < tostring(b)
end

---Goes through a table's pairs like `pairs`, in an order that is always the same: numbers, then
---texts bytewise.
---
---```lua
---for sku, count in neap.sorted(stock) do print(sku, count) end
---```
---@generic K, V
---@param t table<K, V>
---@return fun(): K, V
local function sorted(t)
  local keys, index = {}, 0
  for key in next, t do
    keys[#keys + 1] = key
  end
  table.sort(keys, before)
  return function()
    index = index + 1
    local key = keys[index]
    if key ~= nil then
      return key, t[key]
    end
  end
end

return sorted
