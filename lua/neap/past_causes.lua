-- What led to an event, and what came of it.

local causes = {}

local most_steps = 100 -- of a chain
local most_events = 200000 -- that are looked at for a tree

local function event_with_id(past, id, before)
  -- An event is caused by one before it, and mostly by one that is near.
  local looked_at = 0
  if before < 1 then return nil end
  for event in past:events { to = before, backward = true } do
    if event.id == id then return event end
    looked_at = looked_at + 1
    if looked_at == most_events then return nil end
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
function causes.chain(past, event)
  local chain = {}
  while event and #chain < most_steps do
    chain[#chain + 1] = node_of_event(event)
    local command = event.command and past:command(event.position)
    local cause = event.causation_id
    if command then
      chain[#chain + 1] = node_of_command(command)
      cause = command.causation_id
    end
    event = cause and event_with_id(past, cause, event.position - 1)
  end
  return chain
end

-- All events of a correlation up to the past's position, in order; and whether that is all.
local function correlated(past, event)
  local found, looked_at = {}, 0
  for earlier in past:events { to = event.position, backward = true } do
    if earlier.correlation_id == event.correlation_id then
      table.insert(found, 1, earlier)
    end
    looked_at = looked_at + 1
    if earlier.id == event.correlation_id or earlier.command == event.correlation_id
      or looked_at > most_events then break end
  end
  looked_at = 0
  for later in past:events { from = event.position + 1 } do
    if later.correlation_id == event.correlation_id then
      found[#found + 1] = later
    end
    looked_at = looked_at + 1
    if looked_at > most_events then
      return found, string.format("later than position %d was not looked at", later.position)
    end
  end
  return found
end

local function child(parent, node)
  parent.children[#parent.children + 1] = node
  return node
end

---@param past neap.Past
---@param event neap.StoredEvent
---@return table[] roots
---@return string? note
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
