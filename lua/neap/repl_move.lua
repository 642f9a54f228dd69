-- The REPL's verbs that go to another position.

local changes = require "neap.past_changes"
local check = require "neap.check"
local ink = require "neap.repl_ink"
local past = require "neap.past"
local show = require "neap.repl_show"
local value = require "neap.repl_value"

local moving = {}

function moving.go(session, count)
  count = count or 1
  if math.type(count) ~= "integer" then
    check.misuse("by how many events? %s is no integer", show.plain(count))
  end
  local last = value.raised(session.history:last())
  local position = math.min(math.max(session.past:position() + count, 0), last)
  if position == session.past:position() and count ~= 0 then
    session:put { ink.hint(count > 0 and "this is the last event" or "nothing was before") }
    return nil
  end
  return value.arrived(session, session:move(position))
end

-- A past of its own at a position, made when it is used.
local function view_at(session, position, lines)
  local own
  local history = session.history -- behind a reload() the session has another one
  local event = position > 0 and session.past:event(position) or nil
  return setmetatable({}, {
    __lines = function()
      local all = { event and value.event_line(event) or "0  before everything" }
      for _, line in ipairs(lines) do all[#all + 1] = line end
      return all
    end,
    __index = function(_, key)
      own = own or value.raised(history:at(position))
      local method = own[key]
      return function(_, ...) return method(own, ...) end
    end,
  })
end

function moving.at(session, where)
  local position = value.raised(session.history:position(where))
  if position == nil then position = value.raised(session.history:last()) end
  local lines = session:move(position)
  for _, each in ipairs(value.raised(session.past:subscriptions())) do
    if each.state == "stopped" then
      local stopped = each.partitions and each.partitions[1].stopped_at
      lines[#lines + 1] = string.format("%s '%s' has stopped at event %s: see subscriptions()",
        each.kind, each.name, stopped or "?")
    end
  end
  return view_at(session, position, lines)
end

local function found_nothing(session, what, backward)
  session:put { ink.hint(string.format("no %s %s %d", what, backward and "before" or "after",
    session.past:position())) }
end

-- A search of the log from the position on, or back from it.
local function search(session, type_name, predicate, options)
  local backward = options and options.backward
  local position = session.past:position()
  value.raised(session.log:forward())
  local event
  if not backward or position > 1 then
    event = session.log:search(type_name, predicate, {
      backward = backward, from = backward and position - 1 or position + 1,
    })
  end
  if event then return value.arrived(session, session:move(event.position)) end
  return found_nothing(session, type_name or "such event", backward)
end

function moving.find(session, name, what, options)
  if value.is_defined(session, "projection", name) and what ~= nil and type(what) ~= "function" then
    return value.raised(session.past:find(name, what))
  end
  if name ~= nil and not value.is_defined(session, "event", name) then
    value.check_defined(session, name, { "event", "projection" })
  end
  if what ~= nil and type(what) ~= "function" then
    check.misuse("find(type, predicate): the predicate must be a function of the event's data")
  end
  return search(session, name, what, options)
end

-- The steps from the session's position on, or back from it.
local function steps_from_here(session, name, id, field, backward)
  local here = changes.last(changes.of(session.past, name, id))
  local range = { field = field, backward = backward }
  if not backward then
    range.from = here + 1
  elseif changes.is_at(changes.of(session.past, name, id), here) then
    range.to = here - 1
  else
    range.to = here
  end
  value.raised(session.log:forward())
  local it = changes.of(session.log, name, id)
  return it, changes.steps(it, range)
end

function moving.until_change(session, name, id, field, options)
  local backward = options and options.backward
  local it, next_step, closing = steps_from_here(session, name, id, field, backward)
  local _ <close> = closing
  local event, old, now = next_step()
  if not event then return found_nothing(session, "change of it", backward) end
  if field then old, now = changes.at(it, event) end
  local lines = {}
  for i, change in ipairs(past.differences(old or {}, now or {})) do
    lines[i] = value.change_line(change)
  end
  local moved = session:move(event.position)
  table.move(moved, 1, #moved, #lines + 1, lines)
  return value.arrived(session, lines)
end

return moving
