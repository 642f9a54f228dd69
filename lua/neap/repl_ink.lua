-- What parts of a line mean, and how wide a line is. Marks of meaning become colours, or nothing,
-- when a line is painted; see core/script/ink.h.

local internal = require "neap.internal"

local own = internal.ink
local ink = { columns = own.columns, cut = own.cut, paint = own.paint, escape = own.escape }

---Text without marks.
---@param text string
---@return string
function ink.plain(text)
  return (string.gsub(text, "\xFF[%a.]", ""))
end

local function pen(mark)
  return function(text)
    return "\xFF" .. mark .. ink.plain(text) .. "\xFF."
  end
end

ink.key = pen "k"
ink.text = pen "s"
ink.number = pen "n"
ink.constant = pen "c" -- null, true, false, and what there is not
ink.head = pen "h"     -- what a table or a line is about
ink.old = pen "o"
ink.new = pen "w"
ink.hint = pen "d"

---Whether something was left out of a line.
---@param line string
---@return boolean
function ink.is_cut(line)
  return string.find(line, "\xFFx", 1, true) ~= nil
end

return ink
