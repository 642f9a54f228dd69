-- A file that is written whole, and was not there before.

local check = require "neap.check"

local new_file = {}

-- It goes again unless all of it was written.
local function undone(path, handle)
  return setmetatable({}, {
    __close = function(it)
      handle:close()
      if not it.done then os.remove(path) end
    end,
  })
end

---Raises if there is such a file, or if it cannot be written.
---@param path string
---@param what string who writes it, for the error
---@param pieces fun(): string? gives one after another
function new_file.write(path, what, pieces)
  local there = io.open(path, "r")
  if there then
    there:close()
    check.misuse("%s: there is a file %s already", what, path)
  end
  local handle, why = io.open(path, "w")
  if not handle then check.misuse("%s: it cannot be written: %s", what, why) end
  local writing <close> = undone(path, handle)
  local ok = handle
  for piece in pieces do
    ok, why = handle:write(piece)
    if not ok then break end
  end
  if ok then ok, why = handle:flush() end
  if not ok then check.misuse("%s: it cannot be written: %s", what, why) end
  writing.done = true
end

return new_file
