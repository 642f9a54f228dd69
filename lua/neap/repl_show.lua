-- Values and tables as text that fits the terminal.

local difference = require "neap.difference"
local internal = require "neap.internal"
local sorted = require "neap.sorted"

local show = {}

local words = {}
for word in string.gmatch("and break do else elseif end false for function goto if in local nil "
  .. "not or repeat return then true until while", "%a+") do
  words[word] = true
end

local function key_text(key)
  if type(key) == "string" and string.find(key, "^[%a_][%w_]*$") and not words[key] then
    return key
  end
  return "[" .. difference.show(key) .. "]"
end

local function scalar(value)
  if value == internal.null then return "null" end
  if type(value) == "string" then
    return '"' .. string.gsub(value, '[%c"\\]', function(character)
      if character == "\n" then return "\\n" end
      return (character == '"' or character == "\\") and "\\" .. character
        or string.format("\\%03d", string.byte(character))
    end) .. '"'
  end
  return tostring(value)
end

local function parts_of(value, seen, inner)
  local parts, count = {}, rawlen(value)
  for i = 1, count do
    parts[i] = inner(value[i], seen)
  end
  for key, each in sorted(value) do
    if not (math.type(key) == "integer" and key >= 1 and key <= count) then
      parts[#parts + 1] = key_text(key) .. " = " .. inner(each, seen)
    end
  end
  return parts
end

---A value in one line.
---@param value any
---@return string
function show.line(value, seen)
  if type(value) ~= "table" then return scalar(value) end
  seen = seen or {}
  if seen[value] then return "{ itself }" end
  seen[value] = true
  local parts = parts_of(value, seen, show.line)
  seen[value] = nil
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

---How many columns a text takes; what is no UTF-8 counts its bytes.
---@param text string
---@return integer
function show.columns(text)
  return utf8.len(text) or #text
end

---Cuts a text to so many columns, with "…" where something is left out.
---@param text string
---@param columns? integer nil: it is not cut
---@return string
function show.cut(text, columns)
  if columns == nil or show.columns(text) <= columns then return text end
  local ends = utf8.len(text) and utf8.offset(text, math.max(columns, 1)) or columns
  return string.sub(text, 1, ends - 1) .. "…"
end

local function add_lines(value, indent, width, prefix, suffix, lines, seen)
  local line = prefix .. show.line(value) .. suffix
  if type(value) ~= "table" or next(value) == nil or seen[value]
    or show.columns(line) + #indent <= width then
    lines[#lines + 1] = indent .. line
    return
  end
  seen[value] = true
  lines[#lines + 1] = indent .. prefix .. "{"
  local count = rawlen(value)
  for i = 1, count do
    add_lines(value[i], indent .. "  ", width, "", ",", lines, seen)
  end
  for key, each in sorted(value) do
    if not (math.type(key) == "integer" and key >= 1 and key <= count) then
      add_lines(each, indent .. "  ", width, key_text(key) .. " = ", ",", lines, seen)
    end
  end
  seen[value] = nil
  lines[#lines + 1] = indent .. "}" .. suffix
end

---A value in as many lines as it takes.
---@param value any
---@param width? integer nil: that of a page
---@return string[]
function show.lines(value, width)
  local lines = {}
  add_lines(value, "", width or 80, "", "", lines, {})
  return lines
end

---Rows under their columns' names.
---@param columns string[] one that begins with ">" stands right
---@param rows string[][]
---@return string[] lines
function show.table(columns, rows)
  local widths, names, right = {}, {}, {}
  for i, name in ipairs(columns) do
    right[i] = string.sub(name, 1, 1) == ">"
    names[i] = right[i] and string.sub(name, 2) or name
    widths[i] = show.columns(names[i])
    for _, row in ipairs(rows) do
      widths[i] = math.max(widths[i], show.columns(row[i]))
    end
  end
  local lines = {}
  local function add(row)
    local cells = {}
    for i, cell in ipairs(row) do
      local space = string.rep(" ", widths[i] - show.columns(cell))
      cells[i] = right[i] and space .. cell or i < #row and cell .. space or cell
    end
    lines[#lines + 1] = (string.gsub(table.concat(cells, "  "), "%s+$", ""))
  end
  add(names)
  for _, row in ipairs(rows) do add(row) end
  return lines
end

return show
