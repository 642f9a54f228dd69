-- Values as text that fits the terminal. Lines have marks of what their parts mean: see repl_ink.

local ink = require "neap.repl_ink"
local internal = require "neap.internal"
local sorted = require "neap.sorted"

local show = { table = require "neap.repl_table" }

local words = {}
for word in string.gmatch("and break do else elseif end false for function goto if in local nil "
  .. "not or repeat return then true until while", "%a+") do
  words[word] = true
end

local function scalar(value)
  if value == internal.null then return ink.constant "null" end
  local kind = type(value)
  if kind == "string" then return ink.text('"' .. ink.escape(value, true) .. '"') end
  if kind == "number" then return ink.number(tostring(value)) end
  if kind == "boolean" or value == nil then return ink.constant(tostring(value)) end
  return ink.escape(tostring(value))
end

local function key_text(key)
  if type(key) == "string" and string.find(key, "^[%a_][%w_]*$") and not words[key] then
    return ink.key(key)
  end
  return "[" .. scalar(key) .. "]"
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

---The same without marks: for what is no line of a result, such as an error.
---@param value any
---@return string
function show.plain(value)
  return ink.plain(show.line(value))
end

local function add_lines(value, indent, width, prefix, suffix, lines, seen)
  local line = prefix .. show.line(value) .. suffix
  if type(value) ~= "table" or next(value) == nil or seen[value]
    or ink.columns(line) + #indent <= width then
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

---A line with its times, which are marked as hints, without year and parts of seconds.
---@param line string
---@return string
function show.shorter(line)
  return (string.gsub(line, "\xFFd%d%d%d%d%-(%d%d%-%d%d %d%d:%d%d:%d%d)%.%d+\xFF%.",
    "\xFFd%1\xFF."))
end

---A line of at most so many columns.
---@param line string
---@param width integer
---@return string
function show.fitted(line, width)
  if ink.columns(line) <= width then return line end
  return ink.cut(show.shorter(line), width)
end

---A text broken into lines between its words.
---@param text string
---@param indent string in front of each line
---@param width? integer nil: it is one line
---@return string[]
function show.wrapped(text, indent, width)
  local lines, line = {}, nil
  for word in string.gmatch(text, "%S+") do
    local longer = line and line .. " " .. word or indent .. word
    if line and width and ink.columns(longer) > width then
      lines[#lines + 1], longer = line, indent .. word
    end
    line = longer
  end
  lines[#lines + 1] = line
  return lines
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

return show
