-- What definitions have in common: names, known keys, and errors at the line that made them.

local internal = require "neap.internal"

local check = {}

---Raises at the line of the domain that called into Neap.
---@param message string
---@param ... any formatted into the message
function check.misuse(message, ...)
  return internal.misuse(select("#", ...) > 0 and string.format(message, ...) or message)
end

---Raises at a place that was noted before.
---@param place neap.Place
---@param message string
---@param ... any formatted into the message
function check.misuse_at(place, message, ...)
  local text = select("#", ...) > 0 and string.format(message, ...) or message
  error(string.format("%s:%d: %s", place.file, place.line, text), 0)
end

---@class neap.Place
---@field file string
---@field line integer

---Where the domain called into Neap.
---@return neap.Place
function check.here()
  local file, line = internal.here()
  return { file = file, line = line }
end

---Where a function was written.
---@param value function
---@return neap.Place
function check.place_of(value)
  local file, line = internal.place_of(value)
  return { file = file, line = line }
end

---"; did you mean 'x'?", or nothing.
---@param wanted string
---@param names string[]
---@return string
function check.did_you_mean(wanted, names)
  local nearest = internal.nearest(wanted, names)
  return nearest and string.format("; did you mean '%s'?", nearest) or ""
end

---@param map table
---@return string[]
function check.sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return keys
end

---Raises unless every key of the table is known and holds a value of its type.
---@param value any the table that the domain gave
---@param known table<string, string> its types: "function table"; "?" in front: optional
---@param what string "aggregate 'Order'"
function check.keys(value, known, what)
  if type(value) ~= "table" then
    check.misuse("%s needs a table, but got %s", what, type(value))
  end
  for _, key in ipairs(check.sorted_keys(value)) do
    if not known[key] then
      local names = check.sorted_keys(known)
      local wanted = tostring(key)
      check.misuse("%s knows no key '%s'%s", what, wanted, check.did_you_mean(wanted, names))
    end
  end
  for _, key in ipairs(check.sorted_keys(known)) do
    local types, given = known[key], value[key]
    if given == nil and string.sub(types, 1, 1) ~= "?" then
      check.misuse("%s needs the key '%s'", what, key)
    elseif given ~= nil and not string.find(types, type(given), 1, true) then
      local expected = string.gsub(string.gsub(types, "^%?", ""), " ", " or ")
      check.misuse("%s: '%s' must be a %s, but is a %s", what, key, expected, type(given))
    end
  end
end

---"an event", "a command".
---@param noun string
---@return string
function check.a(noun)
  return (string.find(noun, "^[aeiou]") and "an " or "a ") .. noun
end

---Raises unless it can be the name of a message, an aggregate or a domain: they become parts of
---stream names, where '-' divides.
---@param name any
---@param what string "event"
function check.name(name, what)
  if type(name) ~= "string" or name == "" then
    check.misuse("the name of %s must be a text that is not empty", check.a(what))
  end
  if not utf8.len(name) or string.find(name, "[%c-]") then
    check.misuse("%s '%s': a name has no '-' and no control characters", what,
      string.gsub(name, "%c", "?"))
  end
  if #name > 200 then
    check.misuse("%s '%s…': a name has at most 200 bytes", what, string.sub(name, 1, 20))
  end
end

---Raises unless the field's name can stand before the ':' of a tag.
---@param name string
---@param what string "event 'OrderPlaced'"
function check.tag(name, what)
  if string.find(name, ":", 1, true) then
    check.misuse("%s: the tag '%s' must have no ':' in its name", what, name)
  elseif name == "" or not utf8.len(name) or string.find(name, "%c") then
    check.misuse("%s: the tag '%s' must have a name without control characters", what,
      string.gsub(name, "%c", "?"))
  end
end

---Gives the table an answer to everything that it does not know: an error.
---@param known table
---@param what string "neap"
---@param later table<string, string> what this version of Neap does not have yet
---@return table
function check.closed(known, what, later)
  return setmetatable(known, {
    __index = function(_, key)
      if later[key] then
        check.misuse("%s: this version of Neap has no %s", key, later[key])
      end
      local wanted = tostring(key)
      check.misuse("%s has no '%s'%s", what, wanted,
        check.did_you_mean(wanted, check.sorted_keys(known)))
    end,
  })
end

return check
