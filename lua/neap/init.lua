-- Neap: event sourcing and CQRS. What `require "neap"` gives.

-- Said here, and in words that every Lua understands: what follows needs Lua 5.4.
if _VERSION ~= "Lua 5.4" then
  error("neap needs Lua 5.4, but this is " .. _VERSION .. "; run it with lua5.4"
    .. " (busted: lua5.4 \"$(command -v busted)\")", 0)
end

local internal = require "neap.internal"
local check = require "neap.check"

---What an upcaster gives for a stored event that becomes none.
---@class neap.Drop: userdata

---What a projection gives for a document that is to be dropped.
---@class neap.Delete: userdata

---@class neap
---@field version string of the library
---@field null userdata JSON's null, apart from nil
---@field middleware neap.ReadyMiddleware
---@field drop neap.Drop what an upcaster gives for a stored event that becomes none
---@field delete neap.Delete what a projection gives for a document that is to be dropped
local neap = {
  version = internal.version,
  null = internal.null,
  drop = internal.drop,
  delete = internal.delete,
  reject = require "neap.reject",
  sorted = require "neap.sorted",
  domain = require("neap.domain").new,
  middleware = require "neap.middleware",
}

---Marks a table as a list, so that it is recorded as `[]` even when it is empty.
---
---```lua
---local lines = neap.array { }
---```
---@generic T
---@param list? T[]
---@return T[]
function neap.array(list)
  if list ~= nil and type(list) ~= "table" then
    check.misuse("neap.array needs a table, but got a %s", type(list))
  end
  return setmetatable(list or {}, internal.array_metatable)
end

if internal.own then
  function neap.open()
    check.misuse("neap.open is for hosts: inside a domain there is no runtime to open")
  end
  for _, name in ipairs { "export", "import", "compare" } do
    neap[name] = function()
      check.misuse("neap.%s is for hosts: inside a domain there is no store to open", name)
    end
  end
else
  neap.open, neap.export = internal.open, internal.export
  neap.import, neap.compare = internal.import, internal.compare
  require("neap.domain").planned_by(require("neap.plan").make)
end

return check.closed(neap, "neap", {})
