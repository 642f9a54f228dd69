-- What a specification expects of projections: their documents.

local check = require "neap.check"
local difference = require "neap.difference"
local scenario = require "neap.expectation"

local fail, fail_lines, told = scenario.fail, scenario.fail_lines, scenario.told
local runtime_of, catch_up, as_json = scenario.runtime_of, scenario.catch_up, scenario.as_json

---@class neap.Scenario
local Scenario = scenario.methods

---@param self neap.Scenario
---@param name any
---@param method string
---@return table
local function projection_of(self, name, method)
  local names = {}
  for _, one in ipairs(self.of:projections()) do
    if one.name == name then
      return one
    end
    names[#names + 1] = one.name
  end
  return fail("%s: the domain has no projection %s%s", method,
    type(name) == "string" and "'" .. name .. "'" or difference.show(name),
    check.did_you_mean(tostring(name), names))
end

---Of a live projection, which cannot be listed, only that of the key.
---@param self neap.Scenario
---@param projection table
---@param method string
---@param key? string
---@return table<string, any> documents by key
local function documents_of(self, projection, method, key)
  if projection.live then
    if not key then
      fail("%s: %s is live, and cannot be listed; expect_document expects of one key", method,
        projection.name)
    end
    local document, err = runtime_of(self):find(projection.name, key)
    if err then
      fail("%s: it %s", method, told(err))
    end
    return { [key] = document }
  end
  local listed, err = runtime_of(self):list(projection.name)
  if err then
    fail("%s: it %s", method, told(err))
  end
  local documents = {}
  for _, one in ipairs(listed) do
    documents[one.key] = one.document
  end
  return documents
end

---The lines that tell expected documents from those that there are, or none.
---@param expected table<string, any>
---@param actual table<string, any>
---@return string[]
local function compare(expected, actual)
  local keys, lines = {}, {}
  for _, documents in ipairs { expected, actual } do
    for key in pairs(documents) do
      keys[key] = true
    end
  end
  for _, key in ipairs(check.sorted_keys(keys)) do
    local wanted, is = expected[key], actual[key]
    local found = difference.of(wanted, is)
    if is == nil or wanted == nil then
      lines[#lines + 1] = string.format("  %s%s %s", is == nil and "missing     " or "unexpected  ",
        key, difference.show(is == nil and wanted or is))
    elseif #found > 0 then
      lines[#lines + 1] = "  differs     " .. key
      table.move(difference.lines(found, "                "), 1, #found, #lines + 1, lines)
    end
  end
  return lines
end

-- ---- Folded anew -------------------------------------------------------------------------------

local ordinary = pairs

---As `pairs`, in the opposite order.
---@param map any
local function backwards(map)
  local metatable = getmetatable(map)
  if type(map) ~= "table" or type(metatable) == "table" and rawget(metatable, "__pairs") then
    return ordinary(map)
  end
  local keys = {}
  for key in next, map do
    keys[#keys + 1] = key
  end
  local place = #keys + 1
  return function()
    while place > 1 do
      place = place - 1
      local value = rawget(map, keys[place])
      if value ~= nil then
        return keys[place], value
      end
    end
  end
end

---Folds a projection anew, and gives its documents.
---@param self neap.Scenario
---@param projection table
---@param method string
---@param key? string
---@param iterate function what `pairs` is meanwhile
---@return table<string, any>
local function fold(self, projection, method, key, iterate)
  local _ <close> = setmetatable({ before = pairs }, {
    __close = function(kept)
      rawset(_G, "pairs", kept.before)
    end,
  })
  rawset(_G, "pairs", iterate)
  if not projection.live then -- what is live is folded whenever it is asked
    local done, err = runtime_of(self):rebuild(projection.name)
    if not done then
      fail("%s: %s cannot be folded anew: it %s", method, projection.name, told(err))
    end
  end
  return documents_of(self, projection, method, key)
end

---A projection that was folded step by step must be that which is folded anew, also where `pairs`
---goes another way: this finds a fold that looks at anything but document and event.
---@param self neap.Scenario
---@param projection table
---@param method string
---@param key? string
---@param documents table<string, any>
local function check_fold(self, projection, method, key, documents)
  local lines = compare(documents, fold(self, projection, method, key, backwards))
  if #lines == 0 then
    return
  end
  local by_order = #compare(documents, fold(self, projection, method, key, ordinary)) == 0
  table.insert(lines, 1, projection.name .. (by_order
    and " has other documents when `pairs` goes in another order, on which no fold may depend:"
    or " has other documents when it is folded anew; does a fold depend on anything else?"))
  fail_lines(lines)
end

---The documents of a projection that has folded everything.
---@param self neap.Scenario
---@param name any the projection's
---@param method string
---@param key? string whose document is wanted; nil: all
---@return table<string, any>
local function fold_all(self, name, method, key)
  local projection = projection_of(self, name, method)
  catch_up(self)
  local runtime = runtime_of(self)
  if not projection.live and not projection.inline then
    local done, err = runtime:catch_up(name)
    if not done then
      fail("%s: %s", method, err.message)
    end
  end
  local documents = documents_of(self, projection, method, key)
  local head = scenario.head(self)
  if projection.live or self.folded[name] ~= head and not projection.inline then
    check_fold(self, projection, method, key, documents)
    self.folded[name] = head
  end
  return documents
end

-- ---- What is expected --------------------------------------------------------------------------

---Expects that a projection has this document under the key, all of it, once it has folded what
---happened.
---@param projection string
---@param key string | integer
---@param document table | nil nil: there is none
---@return neap.Scenario
function Scenario:expect_document(projection, key, document)
  if type(key) ~= "string" and math.type(key) ~= "integer" then
    fail("expect_document needs the document's key, a text or an integer, got %s",
      difference.show(key))
  end
  local documents = fold_all(self, projection, "expect_document", tostring(key))
  local actual = documents[tostring(key)]
  if document == nil and actual ~= nil then
    fail("%s was to have no document '%s', but has %s", projection, key, difference.show(actual))
  elseif document ~= nil and actual == nil then
    fail("%s has no document '%s', expected %s%s", projection, key, difference.show(document),
      check.did_you_mean(tostring(key), check.sorted_keys(documents)))
  elseif document ~= nil then
    scenario.expect_same(as_json(document), actual,
      string.format("the document '%s' of %s is other than expected:", key, projection))
  end
  return self
end

---Expects that a projection, which is not live, has exactly these documents.
---
---```lua
---shop:given { placed }:expect_documents("orders", { ["o-1"] = { status = "placed" } })
---```
---@param projection string
---@param documents table<string | integer, table> by key
---@return neap.Scenario
function Scenario:expect_documents(projection, documents)
  if type(documents) ~= "table" then
    fail("expect_documents needs a table of documents by their keys, got %s",
      difference.show(documents))
  end
  local expected = {}
  for key, document in pairs(documents) do
    expected[tostring(key)] = as_json(document)
  end
  local lines = compare(expected, fold_all(self, projection, "expect_documents"))
  if #lines > 0 then
    table.insert(lines, 1, projection .. " has other documents than expected:")
    fail_lines(lines)
  end
  return self
end

return scenario
