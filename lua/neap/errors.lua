-- Errors as middleware sees them and gives them: the objects that a host gets.

local internal = require "neap.internal"

local errors = {}

local statuses = {}
for status in string.gmatch("rejected invalid unknown conflict duplicate handler limit timeout "
  .. "busy unavailable corrupt store closed usage nomem", "%l+") do
  statuses[status] = true
end

---Whether an error can have that code without being a rejection.
---@param code any
---@return boolean
function errors.is_status(code)
  return statuses[code] == true
end

---Whether the error is one of those that `codes` names. What the domain rejects has a name of its
---own choice: a rejection `unavailable`, say, is not a store that cannot be reached.
---@param err neap.Error
---@param codes table<string, true>
---@return boolean
function errors.is_of(err, codes)
  local rejected = err.status == "rejected" and err.code ~= "rejected"
  return codes[err.code] == true and not (rejected and statuses[err.code] == true)
end

---@param fields table
---@return neap.Error
local function object(fields)
  return setmetatable(fields, internal.error_metatable)
end

---An error object of what stands for one: an error object, a rejection, a table with code and
---message, a text. nil for anything else.
---@param value any
---@return neap.Error?
function errors.from(value)
  if getmetatable(value) == "neap.Error" then
    return value
  elseif type(value) == "string" then
    return object { status = "handler", code = "handler", message = value }
  elseif type(value) ~= "table" or type(value.code) ~= "string" then
    return nil
  end
  local status = value.status
  if not statuses[status] then
    status = statuses[value.code] and value.code or "rejected"
  end
  return object {
    status = status,
    code = value.code,
    message = value.message or value.code,
    details = value.details,
    path = value.path,
    outcome = value.outcome == "unknown" and "unknown" or nil,
  }
end

---An error object of this code.
---@param code string
---@param message string
---@param ... any formatted into the message
---@return neap.Error
function errors.new(code, message, ...)
  return errors.from { code = code, message = string.format(message, ...) }
end

return errors
