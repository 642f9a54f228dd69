-- The REPL's verbs that say why: what led to an event, and what came of it.

local check = require "neap.check"
local ink = require "neap.repl_ink"
local show = require "neap.repl_show"
local value = require "neap.repl_value"

local understanding = {}

local function node_line(node)
  local text = node.kind == "event"
    and string.format("%s  %s  %s", ink.head(tostring(node.position)), ink.head(node.name),
      show.line(node.event.data))
    or string.format("%s %s", node.name, show.line(node.data or {}))
  local at = node.recorded_at and value.moment(node.recorded_at) or "?"
  return string.format("%s  %s", text, ink.hint("(" .. at .. ")"))
end

local function why_lines(it, name, field)
  local lines = {
    string.format("%s: %s → %s", field, ink.old(value.text(it.old)), ink.new(value.text(it.new))),
    "  " .. value.event_line(it.event),
  }
  local function add(format, ...) lines[#lines + 1] = string.format(format, ...) end
  add("  folded by %s, %s", name, it.folded_in)
  if it.decided_in then add("  decided by %s, %s", it.command.name, it.decided_in) end
  add(#it.causes < 2 and "caused from outside" or "caused by")
  for i = 2, #it.causes do add("%s%s", string.rep("  ", i - 1), node_line(it.causes[i])) end
  if it.note then add("… %s", it.note) end
  return lines
end

function understanding.why(session, name, id, field)
  if type(field) ~= "string" then
    check.misuse("why(name, id, field): which field? As in \"status\"")
  end
  local found = session.past:why(name, id, field)
  if not found then
    session:put { ink.hint(string.format("no event has set '%s' of %s %s", field, name,
      show.plain(id))) }
    return nil
  end
  return value.shown(found, function(it) return why_lines(it, name, field) end)
end

local function add_tree(node, indent, is_last, lines)
  lines[#lines + 1] = indent .. (is_last and "└─ " or "├─ ") .. node_line(node)
  for i, child in ipairs(node.children) do
    add_tree(child, indent .. (is_last and "   " or "│  "), i == #node.children, lines)
  end
end

function understanding.trace(session, position)
  local roots, note = session.past:trace(position or session.past:position())
  if not roots then
    value.no_event(session, position)
  end
  return value.shown(roots, function(it)
    local lines = {}
    for i, root in ipairs(it) do add_tree(root, "", i == #it, lines) end
    if note then lines[#lines + 1] = "… " .. note end
    return lines
  end)
end

return understanding
