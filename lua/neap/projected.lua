-- What a specification expects of projections: their documents, or rows.

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

---Folds a projection anew, and gives what it keeps.
---@param self neap.Scenario
---@param projection table
---@param method string
---@param read fun(): any
---@param iterate function what `pairs` is meanwhile
---@return any
local function fold(self, projection, method, read, iterate)
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
  return read()
end

---What a projection keeps.
---@class neap.Kept
---@field what string
---@field read fun(): any
---@field compare fun(expected: any, actual: any): string[] the lines that tell them apart

---A projection that was folded step by step must be that which is folded anew, also where `pairs`
---goes another way: this finds a fold that looks at anything but document and event.
---@param self neap.Scenario
---@param projection table
---@param method string
---@param kept neap.Kept
---@param before any
local function check_fold(self, projection, method, kept, before)
  local lines = kept.compare(before, fold(self, projection, method, kept.read, backwards))
  if #lines == 0 then
    return
  end
  local by_order = #kept.compare(before, fold(self, projection, method, kept.read, ordinary)) == 0
  table.insert(lines, 1, projection.name .. " has other " .. kept.what .. (by_order
    and " when `pairs` goes in another order, on which no fold may depend:"
    or " when it is folded anew; does a fold depend on anything else?"))
  fail_lines(lines)
end

---What a projection keeps once it has folded everything.
---@param self neap.Scenario
---@param projection table
---@param method string
---@param kept neap.Kept
---@return any
local function fold_all(self, projection, method, kept)
  catch_up(self)
  local runtime = runtime_of(self)
  if not projection.live and not projection.inline then
    local done, err = runtime:catch_up(projection.name)
    if not done then
      fail("%s: %s", method, err.message)
    end
  end
  local found = kept.read()
  local head = scenario.head(self)
  local checked = self.folded[projection.name]
  if projection.live or projection.schema or checked ~= head and not projection.inline then
    check_fold(self, projection, method, kept, found)
    self.folded[projection.name] = head
  end
  return found
end

---The documents of a projection that has folded everything.
---@param self neap.Scenario
---@param name any the projection's
---@param method string
---@param key? string whose document is wanted; nil: all
---@return table<string, any>
local function all_documents(self, name, method, key)
  local projection = projection_of(self, name, method)
  if projection.schema then
    fail("%s: %s keeps rows; expect_rows expects them", method, name)
  end
  return fold_all(self, projection, method, {
    what = "documents",
    compare = compare,
    read = function()
      return documents_of(self, projection, method, key)
    end,
  })
end

-- ---- Rows --------------------------------------------------------------------------------------

---Takes from the list a row that has no difference from the wanted one.
---@param wanted table
---@param rows table[]
---@return boolean
local function take(wanted, rows)
  for index, row in ipairs(rows) do
    if #difference.of(wanted, row) == 0 then
      table.remove(rows, index)
      return true
    end
  end
  return false
end

---The lines that tell expected rows from those that there are, in whatever order.
---@param expected table[]
---@param actual table[]
---@return string[]
local function compare_rows(expected, actual)
  local lines, left = {}, table.move(actual, 1, #actual, 1, {})
  for _, row in ipairs(expected) do
    if not take(row, left) then
      lines[#lines + 1] = "  missing     " .. difference.show(row)
    end
  end
  for _, row in ipairs(left) do
    lines[#lines + 1] = "  unexpected  " .. difference.show(row)
  end
  return lines
end

---The lines that tell expected rows from those that there are, one by one.
---@param expected table[]
---@param actual table[]
---@return string[]
local function compare_in_order(expected, actual)
  local lines = {}
  for index = 1, math.max(#expected, #actual) do
    local wanted, is = expected[index], actual[index]
    if is == nil or wanted == nil then
      lines[#lines + 1] = string.format("  %s%d %s", is == nil and "missing     " or "unexpected  ",
        index, difference.show(is == nil and wanted or is))
    else
      local found = difference.of(wanted, is)
      if #found > 0 then
        lines[#lines + 1] = "  differs     " .. index
        table.move(difference.lines(found, "                "), 1, #found, #lines + 1, lines)
      end
    end
  end
  return lines
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
  local documents = all_documents(self, projection, "expect_document", tostring(key))
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
  local lines = compare(expected, all_documents(self, projection, "expect_documents"))
  if #lines > 0 then
    table.insert(lines, 1, projection .. " has other documents than expected:")
    fail_lines(lines)
  end
  return self
end

---Expects exactly these rows of a projection that keeps rows: of its table `{name}` in any order,
---or what a SELECT gives, in that order. A column that is NULL is left out.
---
---```lua
---shop:given { placed }
---  :expect_rows("revenue", { { customer = "ada", total = 4200 } })
---  :expect_rows("revenue", { { total = 4200 } }, "SELECT sum(total) AS total FROM {revenue}")
---```
---@param projection string
---@param rows table[] each by the names of columns
---@param statement? string
---@return neap.Scenario
function Scenario:expect_rows(projection, rows, statement)
  local definition = projection_of(self, projection, "expect_rows")
  if not definition.schema then
    fail("expect_rows: %s keeps documents; expect_documents expects them", projection)
  elseif type(rows) ~= "table" then
    fail("expect_rows needs a list of rows, got %s", difference.show(rows))
  elseif statement ~= nil and type(statement) ~= "string" then
    fail("expect_rows needs a SELECT as a text, got %s", difference.show(statement))
  end
  local kept = {
    what = "rows",
    compare = statement and compare_in_order or compare_rows,
    read = function()
      local found, err = runtime_of(self):select(projection,
        statement or "SELECT * FROM {" .. projection .. "}")
      return found or fail("expect_rows: it %s", told(err))
    end,
  }
  local expected = {}
  for index, row in ipairs(rows) do
    expected[index] = as_json(row)
  end
  local lines = kept.compare(expected, fold_all(self, definition, "expect_rows", kept))
  if #lines > 0 then
    table.insert(lines, 1, projection .. " has other rows than expected:")
    fail_lines(lines)
  end
  return self
end

return scenario
