-- A bounded map that forgets what was not used for longest.

---@class neap.Lru
---@field size integer at most so many
---@field count integer
local Lru = {}
Lru.__index = Lru

local lru = {}

---@param size integer
---@return neap.Lru
function lru.new(size)
  local made = setmetatable({ size = size }, Lru)
  made:clear()
  return made
end

function Lru:clear()
  local ends = {}
  ends.newer, ends.older = ends, ends
  self.ends, self.entries, self.count = ends, {}, 0
end

---@param entry table
local function unlink(entry)
  entry.newer.older, entry.older.newer = entry.older, entry.newer
end

---@param self neap.Lru
---@param entry table
local function push(self, entry)
  local ends = self.ends
  entry.newer, entry.older = ends, ends.older
  ends.older.newer, ends.older = entry, entry
end

---@param key string
---@return any # nil: it is not there
function Lru:get(key)
  local entry = self.entries[key]
  if not entry then
    return nil
  end
  unlink(entry)
  push(self, entry)
  return entry.value
end

---@param key string
function Lru:remove(key)
  local entry = self.entries[key]
  if entry then
    unlink(entry)
    self.entries[key] = nil
    self.count = self.count - 1
  end
end

---@param key string
---@param value any not nil
function Lru:put(key, value)
  self:remove(key)
  if self.count >= self.size then
    self:remove(self.ends.newer.key)
  end
  local entry = { key = key, value = value }
  self.entries[key] = entry
  self.count = self.count + 1
  push(self, entry)
end

return lru
