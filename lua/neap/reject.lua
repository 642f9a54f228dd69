-- Rejections: how a domain says no.

local internal = require "neap.internal"
local check = require "neap.check"

---A command or a query that the domain refuses. Returned by a handler, not raised.
---@class neap.Rejection
---@field code string the domain's own, at most 63 bytes
---@field message string
---@field details any JSON of at most 2 KiB

local metatable = internal.rejection
metatable.__name = "neap.Rejection"
metatable.__metatable = "neap.Rejection"
metatable.__tostring = function(rejection)
  return string.format("rejected (%s): %s", rejection.code, rejection.message)
end

---Makes a rejection.
---
---```lua
---if order.status ~= "new" then
---  return neap.reject("already_placed", "the order is already placed")
---end
---```
---@param code string the domain's own, at most 63 bytes
---@param message? string for people, at most 1,023 bytes
---@param details? any anything that JSON can say, in at most 2 KiB
---@return neap.Rejection
local function reject(code, message, details)
  if type(code) ~= "string" or code == "" or #code > 63 then
    check.misuse("neap.reject: the code must be a text of 1 to 63 bytes")
  end
  if message ~= nil and (type(message) ~= "string" or #message > 1023) then
    check.misuse("neap.reject: the message must be a text of at most 1023 bytes")
  end
  return setmetatable({ code = code, message = message or code, details = details }, metatable)
end

return reject
