-- How a domain reads what its earlier versions stored: old names, retired types, upcasters.

local check = require "neap.check"

local evolution = {}

---Makes the data of one schema version into that of the next. Gives the data; or the events that
---the stored one becomes, as several results or as a list; or `neap.drop`: it becomes none. It is
---pure: the clock, randomness and I/O raise.
---@alias neap.Upcast fun(data: table): table | neap.Drop, ...

---Makes a stored event of a retired type into the events that stand for it, or gives `neap.drop`.
---@alias neap.UpcastRetired fun(data: table, schema: integer): table | neap.Drop, ...

---The earlier names that an event's options give, as a list.
---@param given nil | string | string[]
---@param name string the event's own
---@return string[]
function evolution.former_names(given, name)
  local what = string.format("event '%s': 'formerly'", name)
  local names = type(given) == "string" and { given } or given or {}
  if #check.sorted_keys(names) ~= #names then
    check.misuse("%s must be a name, or a list of names", what)
  end
  local seen = {}
  for _, former in ipairs(names) do
    check.name(former, "event")
    if former == name then
      check.misuse("%s has the name that it has today", what)
    elseif seen[former] then
      check.misuse("%s names '%s' twice", what, former)
    end
    seen[former] = true
  end
  return names
end

---@param place neap.Place
---@return string
local function at(place)
  return string.format("at %s:%d", place.file, place.line)
end

---@param claims table<string, table>
---@param by_name table<string, table>
---@param claim table
local function add_claim(claims, by_name, claim)
  local entry, earlier = by_name[claim.name], claims[claim.name]
  if entry and entry.message.kind == "event" then
    check.misuse_at(claim.place, "%s, but '%s' is still defined as an event %s", claim.says,
      claim.name, at(entry.place))
  elseif earlier then
    check.misuse_at(claim.place, "%s, but %s %s", claim.says, earlier.says, at(earlier.place))
  end
  claims[claim.name] = claim
end

---What stored types are read as that no event has as its name today. Raises if one is said twice.
---No upcaster can be added from then on.
---@param defined neap.Domain
---@param by_name table<string, table>
---@return table[] list of { name, event = index or nil, upcast = function or nil }
function evolution.plan(defined, by_name)
  local claims, formers = {}, {}
  local function add(claim)
    add_claim(claims, by_name, claim)
    formers[#formers + 1] = claim
  end
  for index, message in ipairs(defined.messages) do
    message.sealed = true
    for _, name in ipairs(message.formerly) do
      local says = string.format("event '%s' was formerly '%s'", message.name, name)
      add { name = name, event = index, place = message.place, says = says }
    end
  end
  for _, retired in ipairs(defined.retirements) do
    local says = string.format("event '%s' is retired", retired.name)
    add { name = retired.name, upcast = retired.upcast, place = retired.place, says = says }
  end
  return formers
end

---What became of an event that is not defined, for an error's text: "; it is 'OrderShipped' now".
---@param name string
---@param defined neap.Domain
---@return string? nil: nothing is known of it
function evolution.fate(name, defined)
  for _, message in ipairs(defined.messages) do
    for _, former in ipairs(message.formerly) do
      if former == name then
        return string.format("; it is '%s' now", message.name)
      end
    end
  end
  for _, retired in ipairs(defined.retirements) do
    if retired.name == name then
      return "; it is retired"
    end
  end
end

---The stored types that can become events of those names: themselves, what they were formerly, and
---whatever goes through upcasters, for these may give any event.
---@param folded table<string, any> by the events' names
---@param defined neap.Domain
---@return string[]
function evolution.types(folded, defined)
  local types = {}
  for _, message in ipairs(defined.messages) do
    if folded[message.name] ~= nil or #message.steps > 0 then
      types[message.name] = true
      for _, former in ipairs(message.formerly) do
        types[former] = true
      end
    end
  end
  for _, retired in ipairs(defined.retirements) do
    if retired.upcast then
      types[retired.name] = true
    end
  end
  return check.sorted_keys(types)
end

return evolution
