-- Differences between what was expected and what came, for people to read.

local internal = require "neap.internal"

local difference = {}

---Stands in an expected value for anything that is there.
difference.any = setmetatable({}, {
  __name = "neap.spec.any",
  __tostring = function()
    return "anything"
  end,
})

local longest = 240

local function before(a, b)
  local a_is_text, b_is_text = type(a) == "string", type(b) == "string"
  if a_is_text ~= b_is_text then
    return b_is_text
  elseif type(a) == type(b) and (a_is_text or type(a) == "number") then
    return a < b
  end
  return tostring(a) < tostring(b)
end

---@param keys table
---@return any[]
local function sorted(keys)
  local list = {}
  for key in pairs(keys) do
    list[#list + 1] = key
  end
  table.sort(list, before)
  return list
end

---@param text string
---@return string
local function quoted(text)
  local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ['"'] = '\\"', ["\\"] = "\\\\" }
  return '"' .. string.gsub(text, '[%c"\\]', function(character)
    return escapes[character] or string.format("\\%03d", string.byte(character))
  end) .. '"'
end

local show

---@param value table
---@param seen table<table, boolean>
---@return string
local function show_table(value, seen)
  if seen[value] then
    return "{ itself }"
  end
  seen[value] = true
  local parts, count = {}, rawlen(value)
  for index = 1, count do
    parts[index] = show(value[index], seen)
  end
  for _, key in ipairs(sorted(value)) do
    if not (math.type(key) == "integer" and key >= 1 and key <= count) then
      local plain = type(key) == "string" and string.find(key, "^[%a_][%w_]*$")
      local name = plain and key
        or "[" .. (type(key) == "string" and quoted(key) or tostring(key)) .. "]"
      parts[#parts + 1] = name .. " = " .. show(value[key], seen)
    end
  end
  seen[value] = nil
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

---@param value any
---@param seen table<table, boolean>
---@return string
function show(value, seen)
  if value == internal.null then
    return "null"
  elseif value == nil then
    return "nothing"
  elseif value == difference.any then
    return "anything"
  elseif type(value) == "string" then
    return quoted(value)
  elseif type(value) == "table" then
    return show_table(value, seen)
  end
  return tostring(value)
end

---Where the character begins that has the byte at `place`.
---@param text string
---@param place integer
---@return integer
local function character_at(text, place)
  while place > 1 and string.find(text, "^[\x80-\xBF]", place) do
    place = place - 1
  end
  return place
end

---The part of a text that begins at a byte; what is left out is marked.
---@param text string
---@param first integer
---@return string
local function cut(text, first)
  first = character_at(text, first)
  local before_it = first > 1 and "…" or ""
  if #text - first < longest then
    return before_it .. string.sub(text, first)
  end
  return before_it .. string.sub(text, first, character_at(text, first + longest - 1) - 1) .. "…"
end

---A value as Lua would write it, in one line; what is too long is cut.
---@param value any
---@return string
function difference.show(value)
  return cut(show(value, {}), 1)
end

---Two values as `show` gives them, but of what is long the part in which they differ.
---@param expected any
---@param actual any
---@return string expected
---@return string actual
local function show_both(expected, actual)
  local wanted, came = show(expected, {}), show(actual, {})
  local first = 1
  if #wanted > longest and #came > longest then
    local same = 0
    while same < #wanted and string.byte(wanted, same + 1) == string.byte(came, same + 1) do
      same = same + 1
    end
    first = same < longest // 2 and 1 or same - longest // 4
  end
  return cut(wanted, first), cut(came, first)
end

---@param path string
---@param key any
---@return string
local function below(path, key)
  if math.type(key) == "integer" then
    return string.format("%s[%d]", path, key)
  end
  local name = tostring(key)
  if not string.find(name, "^[%a_][%w_]*$") then
    return string.format("%s[%s]", path, quoted(name))
  end
  return path == "" and name or path .. "." .. name
end

---Whether two values are recorded as the same bytes: 1 and 1.0 are not.
---@param expected any
---@param actual any
---@return boolean
local function is_same(expected, actual)
  return rawequal(expected, actual)
    or expected == actual and math.type(expected) == math.type(actual)
end

---@param expected any
---@param actual any
---@param path string
---@param found table[]
---@param depth integer
local function compare(expected, actual, path, found, depth)
  if is_same(expected, actual) or expected == difference.any and actual ~= nil then
    return
  elseif type(expected) ~= "table" or type(actual) ~= "table" or expected == difference.any
    or depth == 0 then
    found[#found + 1] = { path = path, expected = expected, actual = actual }
    return
  end
  local keys = {}
  for key in next, expected do
    keys[key] = true
  end
  for key in next, actual do
    keys[key] = true
  end
  for _, key in ipairs(sorted(keys)) do
    compare(rawget(expected, key), rawget(actual, key), below(path, key), found, depth - 1)
  end
end

---What differs, one entry for each field.
---@param expected any
---@param actual any
---@param path? string in front of the fields' names
---@return { path: string, expected: any, actual: any }[]
function difference.of(expected, actual, path)
  local found = {}
  compare(expected, actual, path or "", found, 100)
  return found
end

local unescaped = { n = "\n", r = "\r", t = "\t" }

---The names and places that a path leads through, as in `lines[2].sku`, or `["a b"].c`.
---@param path string
---@return any[]? keys nil: it is no path
function difference.path(path)
  local keys, at = {}, 1
  while at <= #path do
    local from, to, name = string.find(path, "^%.?([^%.%[%]]+)", at)
    if not from then
      from, to, name = string.find(path, "^%[(%-?%d+)%]", at)
      name = math.tointeger(tonumber(name))
    end
    if not from then
      from, to = string.find(path, '^%["', at)
      local stop = from and string.find(path, '"]', to + 1, true)
      while stop and string.find(string.sub(path, to + 1, stop - 1), "\\$") do
        stop = string.find(path, '"]', stop + 1, true)
      end
      if not stop then return nil end
      name = string.gsub(string.sub(path, to + 1, stop - 1), "\\(%d?%d?%d?)(.?)",
        function(digits, letter)
          if digits ~= "" then return string.char(tonumber(digits)) .. letter end
          return unescaped[letter] or letter
        end)
      to = stop + 1
    end
    keys[#keys + 1], at = name, to + 1
  end
  return keys
end

---@param text string
---@return integer
local function width(text)
  return utf8.len(text) or #text
end

---A line for each difference, the columns aligned.
---@param found { path: string, expected: any, actual: any }[]
---@param indent string
---@return string[]
function difference.lines(found, indent)
  local widest, lines = 0, {}
  for _, one in ipairs(found) do
    widest = math.max(widest, width(one.path))
  end
  for index, one in ipairs(found) do
    local path = one.path == "" and "" or one.path .. ": "
      .. string.rep(" ", widest - width(one.path))
    lines[index] = string.format("%s%sexpected %s, got %s", indent, path,
      show_both(one.expected, one.actual))
  end
  return lines
end

---Pairs two lists by their names, in order, so that as many as possible find their like.
---@param expected string[]
---@param actual string[]
---@return { expected: integer?, actual: integer? }[] # indices into the lists
function difference.align(expected, actual)
  local best = {}
  for i = #expected + 1, 1, -1 do
    best[i] = {}
    for j = #actual + 1, 1, -1 do
      if i > #expected or j > #actual then
        best[i][j] = 0
      elseif expected[i] == actual[j] then
        best[i][j] = best[i + 1][j + 1] + 1
      else
        best[i][j] = math.max(best[i + 1][j], best[i][j + 1])
      end
    end
  end
  local pairs_of, i, j = {}, 1, 1
  while i <= #expected or j <= #actual do
    if i <= #expected and j <= #actual and expected[i] == actual[j] then
      pairs_of[#pairs_of + 1], i, j = { expected = i, actual = j }, i + 1, j + 1
    elseif j > #actual or i <= #expected and best[i + 1][j] >= best[i][j + 1] then
      pairs_of[#pairs_of + 1], i = { expected = i }, i + 1
    else
      pairs_of[#pairs_of + 1], j = { actual = j }, j + 1
    end
  end
  return pairs_of
end

return difference
