-- The REPL's verbs that watch values, and tell with each move what changed in them.

local check = require "neap.check"
local ink = require "neap.repl_ink"
local past = require "neap.past"
local show = require "neap.repl_show"
local value = require "neap.repl_value"

local watching = {}

---@param session neap.Repl
---@return any[] values
function watching.values(session)
  local values = {}
  for i, watched in ipairs(session.watched) do
    values[i] = { pcall(watched.get, session.past) }
  end
  return values
end

local function changes_of(old, new)
  if old[1] and new[1] then return past.differences(old[2], new[2]) end
  if old[1] ~= new[1] or tostring(old[2]) ~= tostring(new[2]) then
    return { { path = "", old = old[1] and old[2] or tostring(old[2]),
      new = new[1] and new[2] or tostring(new[2]) } }
  end
  return {}
end

---@param session neap.Repl
---@param before any[]
---@return string[] lines
function watching.changes(session, before)
  local lines = {}
  for i, watched in ipairs(session.watched) do
    local changes = changes_of(before[i], { pcall(watched.get, session.past) })
    if #changes > 0 then lines[#lines + 1] = ink.head(watched.label) end
    for _, change in ipairs(changes) do lines[#lines + 1] = value.change_line(change) end
  end
  return lines
end

local function is_name(session, what)
  for _, kind in ipairs { "aggregate", "projection", "saga" } do
    if value.is_defined(session, kind, what) then return true end
  end
  return false
end

-- What is given is looked at once before it is watched: what is wrong with it is said at once.
local function watched_by(session, what, id, number)
  if type(what) == "function" then
    return { label = "function " .. number, get = what }
  elseif type(what) == "string" and id == nil and not is_name(session, what) then
    local chunk, err = load("return " .. what, "=watch", "t", session.env)
    if not chunk then check.misuse("watch: it is no name, and no expression: %s", err) end
    chunk()
    return { label = what, get = chunk }
  end
  value.of(session, session.past, what, id)
  return {
    label = string.format("%s %s", what, show.plain(id)),
    get = function(from) return value.of(session, from, what, id) end,
  }
end

function watching.watch(session, what, id)
  local watched = session.watched
  if what ~= nil then watched[#watched + 1] = watched_by(session, what, id, #watched + 1) end
  local list = {}
  for i, each in ipairs(watched) do list[i] = each.label end
  return value.shown(list, function(labels)
    local lines = {}
    for i, label in ipairs(labels) do lines[i] = string.format("%d  %s", i, label) end
    return #lines > 0 and lines or { ink.hint "nothing is watched" }
  end)
end

function watching.unwatch(session, number)
  if number == nil then
    session.watched = {}
  elseif not table.remove(session.watched, number) then
    check.misuse("nothing is watched as number %s", tostring(number))
  end
  return watching.watch(session)
end

return watching
