-- A store in a file of its own, which goes with whoever asked for it.

local temporary = {}

local endings = { "", "-wal", "-shm", "-lock" }

---@param self { path: string }
local function remove(self)
  for _, ending in ipairs(endings) do
    os.remove(self.path .. ending)
  end
end

local metatable = { __name = "neap.temporary", __gc = remove, __close = remove }

---A new SQLite store. Its files go when it is closed or collected: what runs on it is closed
---before.
---@return { path: string, url: string }
function temporary.store()
  local path = os.tmpname()
  os.remove(path)
  return setmetatable({ path = path, url = "sqlite:" .. path .. "?synchronous=normal" }, metatable)
end

return temporary
