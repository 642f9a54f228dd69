-- What the REPL's verbs have in common: values that know how they are printed, and what is read of
-- a past.

local check = require "neap.check"
local ink = require "neap.repl_ink"
local show = require "neap.repl_show"
local time = require "neap.time"

local value = {}

---The value, or the error that came in its place.
function value.raised(it, err)
  if it == nil and err ~= nil then error(err, 0) end
  return it
end

---A value that is printed in its own way. What has a metatable already is as it is.
---@param it table
---@param lines fun(it: table, width: integer?): string[]
---@return table it
function value.shown(it, lines)
  return setmetatable(it, { __lines = lines })
end

---What a session is called in its prompt: the file of its domain.
---@param path string
---@return string
function value.name_of(path)
  return ink.escape((string.gsub(string.gsub(path, "^.*/", ""), "%.lua$", "")))
end

---@param us integer
---@return string
function value.moment(us)
  return (string.gsub(string.gsub(time.format(us), "T", " "), "%d%d%dZ$", ""))
end

---@param event neap.StoredEvent
---@return string
function value.event_line(event)
  return string.format("%s  %s  %s %d  %s  %s", ink.head(tostring(event.position)),
    ink.hint(value.moment(event.recorded_at)), event.stream, event.version, ink.head(event.type),
    show.line(event.data))
end

---@param any any
---@return string
function value.text(any)
  return any == nil and ink.constant "nothing" or show.line(any)
end

---@param change neap.Change
---@return string
function value.change_line(change)
  return string.format("  %s: %s → %s", change.path == "" and "value" or change.path,
    ink.old(value.text(change.old)), ink.new(value.text(change.new)))
end

---@param session neap.Repl
---@param kind string
---@param name any
---@return boolean
function value.is_defined(session, kind, name)
  return type(name) == "string" and session.past:place_of(kind, name) ~= nil
end

---The state, document or saga of that name in a past; nil: there is none. Raises for unknown names.
---@param session neap.Repl
---@param from neap.Past
---@param name string
---@param id any
---@return any
function value.of(session, from, name, id)
  if value.is_defined(session, "projection", name) then return value.raised(from:find(name, id)) end
  if value.is_defined(session, "saga", name) then return value.raised(from:saga(name, id)) end
  local state, err = from:state(name, id)
  if state == nil and err.code == "unknown" and value.is_defined(session, "aggregate", name) then
    return nil
  end
  return value.raised(state, err)
end

---Where the session came to, and what changed on the way.
---@param session neap.Repl
---@param lines string[]
---@return table event
function value.arrived(session, lines)
  local position = session.past:position()
  local event = position > 0 and session.past:event(position) or { position = 0 }
  return value.shown(event, function(it)
    local all = { it.type and value.event_line(it) or "0  before everything" }
    for _, line in ipairs(lines) do all[#all + 1] = line end
    return all
  end)
end

---Raises, where the domain has nothing of that name among these kinds.
---@param session neap.Repl
---@param name any
---@param kinds string[] the first is what is meant
function value.check_defined(session, name, kinds)
  local names = {}
  for _, kind in ipairs(kinds) do
    if value.is_defined(session, kind, name) then return end
    for _, each in ipairs(session.past:definitions()) do
      if each.kind == kind then names[#names + 1] = each.name end
    end
  end
  check.misuse("the domain has no %s '%s'%s", table.concat(kinds, " or "), tostring(name),
    check.did_you_mean(tostring(name), names))
end

---Raises that a past has no event at a position.
---@param session neap.Repl
---@param position? integer
function value.no_event(session, position)
  check.misuse("there is no event %s here: the session is at %d", tostring(position),
    session.past:position())
end

return value
