-- What led to an event, and what came of it.
--
-- Ids have their time in them, so that a search begins where what has one can be. It looks at so
-- many events at most, and what was left out is said.

local internal = require "neap.internal"

local native = internal.history

local causes = {}

local most_steps = 100 -- of a chain
local most_events = 1000000 -- that are looked at
local most_nodes = 10000 -- of a tree

-- Positions of the events that belong to an id, from a position (nil: from where they can be) to
-- one; `limit` are enough. The second result is the position up to which that is all.
local function related(past, id, relation, from, to, limit)
  local function look(stop)
    local positions, behind = native.related(past.runtime, id, relation, from, stop)
    if not positions then error(behind, 0) end
    from = behind
    return positions
  end
  local found = {}
  if not from then look(0) end
  to = math.min(to, past:position(), from + most_events - 1)
  while from <= to and #found < limit do
    local positions = look(to)
    table.move(positions, 1, #positions, #found + 1, found)
  end
  return found, from - 1
end

-- Where a search begins that an id tells nothing about: it is no UUID with a time in it, or other
-- clocks made it.
local function window_before(position)
  return math.max(1, position - most_events + 1)
end

local function has_time(id)
  return string.sub(id, 15, 15) == "7"
end

-- An event is caused by one before it.
local function event_with_id(past, id, before)
  if before < 1 then return nil end
  local from = not has_time(id) and window_before(before) or nil
  local positions = related(past, id, "itself", from, before, 1)
  if positions[1] then return past:event(positions[1]) end
  if from and from > 1 then
    return nil, string.format("what is earlier than position %d was not looked at", from)
  end
end

local function node_of_command(command)
  return {
    kind = "command", name = command.name, id = command.id, data = command.data,
    recorded_at = command.recorded_at, causation_id = command.causation_id,
  }
end

local function node_of_event(event)
  return {
    kind = "event", name = event.type, id = event.id, event = event,
    recorded_at = event.recorded_at, position = event.position,
  }
end

---@param past neap.Past
---@param event neap.StoredEvent
---@return table[]
---@return string? note where not everything could be looked at
function causes.chain(past, event)
  local chain, note = {}, nil
  while event do
    if #chain >= most_steps then
      return chain, string.format("more than %d steps are not followed", most_steps)
    end
    chain[#chain + 1] = node_of_event(event)
    local command = event.command and past:command(event.position)
    local cause = event.causation_id
    if command then
      chain[#chain + 1] = node_of_command(command)
      cause = command.causation_id
    end
    if not cause then return chain end
    event, note = event_with_id(past, cause, event.position - 1)
  end
  return chain, note
end

-- All events of a correlation up to the past's position, in order; and a note where they are not.
local function correlated(past, event)
  local id, position = event.correlation_id, event.position
  if not id then return { event } end
  local from, last = nil, past:position()
  local positions, through = related(past, id, "correlated", nil, math.maxinteger, most_nodes)
  if not has_time(id) or (positions[1] or last + 1) > position then
    from = window_before(position)
    positions, through = related(past, id, "correlated", from, math.maxinteger, most_nodes)
  end
  local found, notes = {}, {}
  for i, each in ipairs(positions) do found[i] = past:event(each) end
  if from and from > 1 then notes[1] = string.format("earlier than position %d", from) end
  if through < last then notes[#notes + 1] = string.format("later than position %d", through) end
  if #notes == 0 then return found end
  return found, "what is " .. table.concat(notes, ", or ") .. " was not looked at"
end

local function child(parent, node)
  parent.children[#parent.children + 1] = node
  return node
end

---@param past neap.Past
---@param event neap.StoredEvent
---@return table[] roots
---@return string? note where not everything was looked at
function causes.tree(past, event)
  local root, by_id = { children = {} }, {}
  local events, note = correlated(past, event)
  for _, each in ipairs(events) do
    local command = each.command
    local parent = command and by_id[command]
    if command and not parent then
      local known = past:command(each.position)
      parent = known and node_of_command(known) or { kind = "command", name = "?", id = command }
      parent.children = {}
      by_id[command] = child(by_id[parent.causation_id or each.causation_id] or root, parent)
    end
    local node = node_of_event(each)
    node.children = {}
    by_id[each.id] = child(parent or by_id[each.causation_id] or root, node)
  end
  return root.children, note
end

return causes
