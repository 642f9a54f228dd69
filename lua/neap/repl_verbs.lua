-- The verbs of the REPL. Each gives a value, which a script can go on with, and which knows how it
-- is printed.

local check = require "neap.check"
local fixture = require "neap.repl_fixture"
local help = require "neap.repl_help"
local past = require "neap.past"
local show = require "neap.repl_show"
local time = require "neap.time"

local verbs = {}

local default_limit = 20

-- The value, or the error that came in its place.
local function raised(value, err)
  if value == nil and err ~= nil then error(err, 0) end
  return value
end

-- A value that is printed in its own way. What has a metatable already is as it is.
local function shown(value, lines)
  return setmetatable(value, { __lines = lines })
end

local function moment(us)
  return (string.gsub(string.gsub(time.format(us), "T", " "), "%d%d%dZ$", ""))
end

-- ---- Events -------------------------------------------------------------------------------------

local event_columns = { ">position", "recorded at", "stream", ">version", "type", "data" }

local function event_row(event)
  return {
    tostring(event.position), moment(event.recorded_at), event.stream, tostring(event.version),
    event.type, show.line(event.data),
  }
end

local function event_line(event)
  return string.format("%d  %s  %s %d  %s  %s", event.position, moment(event.recorded_at),
    event.stream, event.version, event.type, show.line(event.data))
end

local function events_of(session, filter)
  local list, wanted = {}, {}
  for key, value in pairs(filter or {}) do wanted[key] = value end
  if wanted.type then
    wanted.types, wanted.type = { wanted.type }, nil
  end
  local limit = wanted.limit or default_limit
  wanted.limit = limit + 1
  for event in session.past:events(wanted) do list[#list + 1] = event end
  local more = #list > limit and table.remove(list).position or nil
  return shown(list, function(events)
    if #events == 0 then return { "no events" } end
    local rows = {}
    for i, event in ipairs(events) do rows[i] = event_row(event) end
    local lines = show.table(event_columns, rows)
    if more then
      lines[#lines + 1] = string.format("… more: %s = %d", wanted.backward and "to" or "from",
        wanted.stream and events[#events].version + (wanted.backward and -1 or 1) or more)
    end
    return lines
  end)
end

local function event_at(session, position)
  position = position or session.past:position()
  local event = session.past:event(position)
  if not event then
    check.misuse("there is no event %s here: the session is at %d", tostring(position),
      session.past:position())
  end
  local command = raised(session.past:command(position))
  return shown(event, function(it, width)
    local lines = { event_line(it) }
    for _, name in ipairs { "id", "causation_id", "correlation_id" } do
      if it[name] then lines[#lines + 1] = string.format("  %-15s %s", name, it[name]) end
    end
    if next(it.meta) then lines[#lines + 1] = "  meta            " .. show.line(it.meta) end
    if it.schema ~= 1 then lines[#lines + 1] = "  schema          " .. it.schema end
    if command then
      lines[#lines + 1] = string.format("  decided by      %s %s", command.name,
        show.line(command.data))
    end
    lines[#lines + 1] = "  data"
    for _, line in ipairs(show.lines(it.data, width)) do lines[#lines + 1] = "    " .. line end
    return lines
  end)
end

local function streams_of(session, options)
  if type(options) == "string" then options = { prefix = options } end
  options = options or {}
  local limit = options.limit or default_limit
  local list = raised(session.past:streams {
    prefix = options.prefix, behind = options.behind, limit = limit + 1,
  })
  local more = #list > limit and table.remove(list)
  return shown(list, function(streams)
    if #streams == 0 then return { "no streams" } end
    local rows = {}
    for i, each in ipairs(streams) do
      rows[i] = { each.stream, tostring(each.version), tostring(each.first), tostring(each.last) }
    end
    local lines = show.table({ "stream", ">version", ">first", ">last" }, rows)
    if more then
      lines[#lines + 1] = string.format("… more: behind = %s", show.line(streams[#streams].stream))
    end
    return lines
  end)
end

-- ---- What changed -------------------------------------------------------------------------------

local function value_text(value)
  return value == nil and "nothing" or show.line(value)
end

local function change_line(change)
  return string.format("  %s: %s → %s", change.path == "" and "value" or change.path,
    value_text(change.old), value_text(change.new))
end

local function is_defined(session, kind, name)
  return type(name) == "string" and session.past:place_of(kind, name) ~= nil
end

-- The state or document of that name in a past; nil: there is none. Raises for unknown names.
local function value_in(session, from, name, id)
  if is_defined(session, "projection", name) then return raised(from:find(name, id)) end
  local state, err = from:state(name, id)
  if state == nil and err.code == "unknown" and is_defined(session, "aggregate", name) then
    return nil
  end
  return raised(state, err)
end

---@param session neap.Repl
---@return any[] values
function verbs.watched_values(session)
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
function verbs.watched_changes(session, before)
  local lines = {}
  for i, watched in ipairs(session.watched) do
    local changes = changes_of(before[i], { pcall(watched.get, session.past) })
    if #changes > 0 then lines[#lines + 1] = watched.label end
    for _, change in ipairs(changes) do lines[#lines + 1] = change_line(change) end
  end
  return lines
end

local function watch(session, what, id)
  local watched = session.watched
  if type(what) == "function" then
    watched[#watched + 1] = { label = "function " .. #watched + 1, get = what }
  elseif what ~= nil then
    value_in(session, session.past, what, id)
    watched[#watched + 1] = {
      label = string.format("%s %s", what, show.line(id)),
      get = function(from) return value_in(session, from, what, id) end,
    }
  end
  local list = {}
  for i, each in ipairs(watched) do list[i] = each.label end
  return shown(list, function(labels)
    local lines = {}
    for i, label in ipairs(labels) do lines[i] = string.format("%d  %s", i, label) end
    return #lines > 0 and lines or { "nothing is watched" }
  end)
end

local function unwatch(session, number)
  if number == nil then
    session.watched = {}
  elseif not table.remove(session.watched, number) then
    check.misuse("nothing is watched as number %s", tostring(number))
  end
  return watch(session)
end

-- ---- Moving -------------------------------------------------------------------------------------

-- Where the session came to, and what changed on the way.
local function arrived(session, lines)
  local position = session.past:position()
  local event = position > 0 and session.past:event(position) or { position = 0 }
  return shown(event, function(it)
    local all = { it.type and event_line(it) or "0  before everything" }
    for _, line in ipairs(lines) do all[#all + 1] = line end
    return all
  end)
end

local function go(session, count)
  count = count or 1
  if math.type(count) ~= "integer" then
    check.misuse("by how many events? %s is no integer", show.line(count))
  end
  local last = raised(session.history:last())
  local position = math.min(math.max(session.past:position() + count, 0), last)
  if position == session.past:position() and count ~= 0 then
    session.print(count > 0 and "this is the last event\n" or "nothing was before\n")
    return nil
  end
  return arrived(session, session:move(position))
end

-- A past of its own at a position, made when it is used.
local function view_at(session, position, lines)
  local own
  local event = position > 0 and session.past:event(position) or nil
  return setmetatable({}, {
    __lines = function()
      local all = { event and event_line(event) or "0  before everything" }
      for _, line in ipairs(lines) do all[#all + 1] = line end
      return all
    end,
    __index = function(_, key)
      own = own or raised(session.history:at(position))
      local method = own[key]
      return function(_, ...) return method(own, ...) end
    end,
  })
end

local function at(session, where)
  local position = raised(session.history:position(where))
  if position == nil then position = raised(session.history:last()) end
  local lines = session:move(position)
  for _, each in ipairs(raised(session.past:subscriptions())) do
    if each.state == "stopped" then
      local stopped = each.partitions and each.partitions[1].stopped_at
      lines[#lines + 1] = string.format("%s '%s' has stopped at event %s: see subscriptions()",
        each.kind, each.name, stopped or "?")
    end
  end
  return view_at(session, position, lines)
end

local function found_nothing(session, what, backward)
  session.print(string.format("no %s %s %d\n", what, backward and "before" or "after",
    session.past:position()))
end

-- A search of the log from the position on, or back from it.
local function search(session, type_name, predicate, options)
  local backward = options and options.backward
  local position = session.past:position()
  raised(session.log:forward())
  local event
  if not backward or position > 1 then
    event = session.log:search(type_name, predicate, {
      backward = backward, from = backward and position - 1 or position + 1,
    })
  end
  if event then return arrived(session, session:move(event.position)) end
  return found_nothing(session, type_name or "such event", backward)
end

local function find(session, name, what, options)
  if is_defined(session, "projection", name) and what ~= nil and type(what) ~= "function" then
    return raised(session.past:find(name, what))
  end
  if name ~= nil and not is_defined(session, "event", name) then
    local names = {}
    for _, each in ipairs(session.past:definitions()) do
      if each.kind == "event" or each.kind == "projection" then names[#names + 1] = each.name end
    end
    check.misuse("the domain has no event or projection '%s'%s", tostring(name),
      check.did_you_mean(tostring(name), names))
  end
  if what ~= nil and type(what) ~= "function" then
    check.misuse("find(type, predicate): the predicate must be a function of the event's data")
  end
  return search(session, name, what, options)
end

-- The version of an instance's stream at the session's position.
local function version_of(session, aggregate, id)
  local stream = aggregate .. "-" .. tostring(id)
  local event = session.past:events { stream = stream, backward = true, limit = 1 }()
  if not event then return 0, 0 end
  return event.version, event.position
end

local function until_change(session, aggregate, id, field, options)
  local backward = options and options.backward
  local version, last_at = version_of(session, aggregate, id)
  if backward and last_at == session.past:position() then version = version - 1 end
  raised(session.log:forward())
  local range = backward and { backward = true, to = version } or { from = version + 1 }
  if not (backward and version == 0) then
    for event, changes in session.log:changes(aggregate, id, range) do
      if field == nil or past.touches(changes, field) then
        local lines = {}
        for i, change in ipairs(changes) do lines[i] = change_line(change) end
        local moved = session:move(event.position)
        table.move(moved, 1, #moved, #lines + 1, lines)
        return arrived(session, lines)
      end
    end
  end
  return found_nothing(session, "change of it", backward)
end

-- ---- Why ----------------------------------------------------------------------------------------

local function node_line(node)
  local text = node.kind == "event"
    and string.format("%d  %s  %s", node.position, node.name, show.line(node.event.data))
    or string.format("%s %s", node.name, show.line(node.data or {}))
  return string.format("%s  (%s)", text, node.recorded_at and moment(node.recorded_at) or "?")
end

local function why(session, aggregate, id, field)
  if type(field) ~= "string" then
    check.misuse("why(aggregate, id, field): which field? As in \"status\"")
  end
  local found = session.past:why(aggregate, id, field)
  if not found then
    session.print(string.format("no event has set '%s' of %s %s\n", field, aggregate,
      show.line(id)))
    return nil
  end
  return shown(found, function(it)
    local lines = {
      string.format("%s: %s → %s", field, value_text(it.old), value_text(it.new)),
      "  " .. event_line(it.event),
      string.format("  folded by %s, %s", aggregate, it.folded_in),
      "caused by",
    }
    for i, node in ipairs(it.causes) do
      if i > 1 then lines[#lines + 1] = string.rep("  ", i - 1) .. node_line(node) end
    end
    if #it.causes < 2 then lines[#lines] = "caused from outside" end
    return lines
  end)
end

local function add_tree(node, indent, is_last, lines)
  lines[#lines + 1] = indent .. (is_last and "└─ " or "├─ ") .. node_line(node)
  for i, child in ipairs(node.children) do
    add_tree(child, indent .. (is_last and "   " or "│  "), i == #node.children, lines)
  end
end

local function trace(session, position)
  local roots, note = session.past:trace(position or session.past:position())
  if not roots then
    check.misuse("there is no event %s here: the session is at %d", tostring(position),
      session.past:position())
  end
  return shown(roots, function(it)
    local lines = {}
    for i, root in ipairs(it) do add_tree(root, "", i == #it, lines) end
    if note then lines[#lines + 1] = "… " .. note end
    return lines
  end)
end

local function diff(session, name, id, from, to)
  local old, new
  if is_defined(session, "projection", name) then
    local before <close> = raised(session.history:at(from))
    old = raised(before:find(name, id))
    if to then
      local after <close> = raised(session.history:at(to))
      new = raised(after:find(name, id))
    else
      new = raised(session.past:find(name, id))
    end
  else
    old = from ~= 0 and raised(session.past:state(name, id, from)) or nil
    new = raised(session.past:state(name, id, to))
  end
  return shown(past.differences(old or {}, new or {}), function(changes)
    local lines = {}
    for i, change in ipairs(changes) do lines[i] = change_line(change) end
    return #lines > 0 and lines or { "no difference" }
  end)
end

-- ---- The domain, and help -----------------------------------------------------------------------

local function definitions_of(session, kind)
  local list = {}
  for _, each in ipairs(session.past:definitions()) do
    if kind == nil or each.kind == kind then list[#list + 1] = each end
  end
  return shown(list, function(definitions)
    local rows = {}
    for i, each in ipairs(definitions) do
      rows[i] = { each.kind, each.name, string.format("%s:%d", each.file, each.line) }
    end
    return show.table({ "kind", "name", "where" }, rows)
  end)
end

local function help_of(env, verb)
  if verb == nil then
    local rows = {}
    for i, entry in ipairs(help.entries) do rows[i] = { entry.usage, entry.about } end
    return shown({}, function()
      local lines = {}
      for i, row in ipairs(rows) do
        lines[2 * i - 1], lines[2 * i] = row[1], "    " .. row[2]
      end
      return lines
    end)
  end
  for name, value in pairs(env) do
    if value == verb then verb = name end
  end
  local entry = help.by_name[verb]
  if not entry then
    check.misuse("there is no verb '%s'%s; help() lists them", tostring(verb),
      check.did_you_mean(tostring(verb), check.sorted_keys(help.by_name)))
  end
  return shown({}, function()
    return { entry.usage, "  " .. entry.about, "  example: " .. entry.example }
  end)
end

---The verbs of a session, by their names.
---@param session neap.Repl
---@return table<string, function>
function verbs.of(session)
  local function bound(verb)
    return function(...) return verb(session, ...) end
  end
  local function asked(method)
    return function(...) return raised(session.past[method](session.past, ...)) end
  end
  local env = {
    at = bound(at), go = bound(go), find = bound(find), until_change = bound(until_change),
    watch = bound(watch), unwatch = bound(unwatch), events = bound(events_of),
    event = bound(event_at), streams = bound(streams_of), diff = bound(diff), why = bound(why),
    trace = bound(trace), definitions = bound(definitions_of), state = asked "state",
    document = asked "find", list = asked "list", saga = asked "saga", sagas = asked "sagas",
    query = asked "query", subscriptions = asked "subscriptions", position = asked "position",
  }
  env.fixture = bound(fixture)
  function env.step(count) return go(session, count) end
  function env.back(count) return go(session, -(count or 1)) end
  function env.whole()
    if session.last ~= nil then session:show(session.last, true) end
  end
  function env.show(...)
    for i = 1, select("#", ...) do session:show((select(i, ...)), true) end
  end
  function env.help(verb) return help_of(env, verb) end
  function env.quit() session.quitting = true end
  function env.print(...)
    local texts = table.pack(...)
    for i = 1, texts.n do texts[i] = tostring(texts[i]) end
    session.print(table.concat(texts, "\t") .. "\n")
  end
  return env
end

return verbs
