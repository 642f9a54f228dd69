-- Tables that fit the terminal: columns side by side, or where that leaves too little of them, one
-- record below the other.

local ink = require "neap.repl_ink"

local gap = 2
local least = 10 -- columns of a text, below which it tells too little

---@class neap.ReplColumn
---@field name string
---@field right? boolean it is of numbers: it stands right, and is never cut
---@field short? fun(cell: string): string what is as good where there is little room

---@param column string | neap.ReplColumn a name that begins with ">" is that of a column of numbers
---@return neap.ReplColumn
local function column_of(column)
  if type(column) == "table" then return column end
  local right = string.sub(column, 1, 1) == ">"
  return { name = right and string.sub(column, 2) or column, right = right }
end

local function widths_of(columns, rows)
  local widths, total = {}, gap * (#columns - 1)
  for i, column in ipairs(columns) do
    widths[i] = ink.columns(column.name)
    for _, row in ipairs(rows) do widths[i] = math.max(widths[i], ink.columns(row[i])) end
    total = total + widths[i]
  end
  return widths, total
end

local function shortened(columns, rows)
  local short = {}
  for i, row in ipairs(rows) do
    short[i] = table.move(row, 1, #row, 1, {})
    for j, column in ipairs(columns) do
      if column.short then short[i][j] = column.short(row[j]) end
    end
  end
  return short
end

-- Takes what is too much from the widest texts, so that those that are cut get the same; false: too
-- little would be left of them.
local function shrink(columns, widths, surplus)
  local texts = {}
  for i, column in ipairs(columns) do
    if not column.right then texts[#texts + 1] = i end
  end
  table.sort(texts, function(a, b) return widths[a] > widths[b] end)
  for count = 1, #texts do
    local together = -surplus
    for i = 1, count do together = together + widths[texts[i]] end
    local next_width = count < #texts and widths[texts[count + 1]] or 0
    if together // count >= next_width then
      local rest = together % count
      for i = 1, count do widths[texts[i]] = together // count + (i <= rest and 1 or 0) end
      return together // count >= least
    end
  end
  return false
end

local function aligned(columns, rows, widths)
  local lines = {}
  local function add(row, pen)
    local cells = {}
    for i, cell in ipairs(row) do
      cell = ink.cut(cell, widths[i])
      local space = string.rep(" ", widths[i] - ink.columns(cell))
      cell = pen and pen(cell) or cell
      cells[i] = columns[i].right and space .. cell or i < #row and cell .. space or cell
    end
    lines[#lines + 1] = (string.gsub(table.concat(cells, string.rep(" ", gap)), "%s+$", ""))
  end
  local names = {}
  for i, column in ipairs(columns) do names[i] = column.name end
  add(names, ink.head)
  for _, row in ipairs(rows) do add(row) end
  return lines
end

local function records(columns, rows, width)
  local lines, widest = {}, 0
  for _, column in ipairs(columns) do widest = math.max(widest, ink.columns(column.name)) end
  for i, row in ipairs(rows) do
    if i > 1 then lines[#lines + 1] = "" end
    for j, cell in ipairs(row) do
      local name = columns[j].name
      local space = string.rep(" ", widest - ink.columns(name) + gap)
      lines[#lines + 1] = ink.cut(ink.head(name) .. space .. cell, width)
    end
  end
  return lines
end

---Rows under their columns' names.
---@param columns (string | neap.ReplColumn)[]
---@param rows string[][] of lines: what came from outside is escaped already
---@param width? integer nil: nothing is cut
---@return string[] lines
return function(columns, rows, width)
  local taken = {}
  for i, column in ipairs(columns) do taken[i] = column_of(column) end
  local widths, total = widths_of(taken, rows)
  if width and total > width then
    local short = shortened(taken, rows)
    widths, total = widths_of(taken, short)
    if total > width and not shrink(taken, widths, total - width) then
      return records(taken, rows, width)
    end
    rows = short
  end
  return aligned(taken, rows, widths)
end
