-- The verbs of the REPL. Each gives a value, which a script can go on with, and which knows how it
-- is printed.

local branching = require "neap.repl_branch"
local check = require "neap.check"
local deterministic = require "neap.repl_deterministic"
local dispatching = require "neap.repl_dispatch"
local fixture = require "neap.repl_fixture"
local follow = require "neap.repl_follow"
local help = require "neap.repl_help"
local ink = require "neap.repl_ink"
local lists = require "neap.repl_lists"
local moving = require "neap.repl_move"
local past = require "neap.past"
local reload = require "neap.repl_reload"
local show = require "neap.repl_show"
local understanding = require "neap.repl_why"
local value = require "neap.repl_value"
local watching = require "neap.repl_watch"

local verbs = {}

local default_limit = 20

-- ---- Events -------------------------------------------------------------------------------------

local event_columns = {
  ">position", { name = "recorded at", short = show.shorter }, "stream", ">version", "type", "data",
}

local function event_row(event)
  return {
    tostring(event.position), ink.hint(value.moment(event.recorded_at)), event.stream,
    tostring(event.version), event.type, show.line(event.data),
  }
end

local function events_of(session, filter)
  local list, wanted = {}, {}
  for key, each in pairs(filter or {}) do wanted[key] = each end
  if wanted.type then
    wanted.types, wanted.type = { wanted.type }, nil
  end
  local limit = wanted.limit or default_limit
  wanted.limit = limit + 1
  for event in session.past:events(wanted) do list[#list + 1] = event end
  local more = #list > limit and table.remove(list).position or nil
  return value.shown(list, function(events, width)
    if #events == 0 then return { ink.hint "no events" } end
    local rows = {}
    for i, event in ipairs(events) do rows[i] = event_row(event) end
    local lines = show.table(event_columns, rows, width)
    if more then
      lines[#lines + 1] = ink.hint(string.format("… more: %s = %d",
        wanted.backward and "to" or "from",
        wanted.stream and events[#events].version + (wanted.backward and -1 or 1) or more))
    end
    return lines
  end)
end

local function labelled(lines, label, text)
  lines[#lines + 1] = ink.hint(string.format("  %-15s ", label)) .. text
end

local function event_at(session, position)
  position = position or session.past:position()
  local event = session.past:event(position)
  if not event then
    value.no_event(session, position)
  end
  local command = value.raised(session.past:command(position))
  return value.shown(event, function(it, width)
    local lines = { value.event_line(it) }
    for _, name in ipairs { "id", "causation_id", "correlation_id" } do
      if it[name] then labelled(lines, name, it[name]) end
    end
    if next(it.meta) then labelled(lines, "meta", show.line(it.meta)) end
    if it.schema ~= 1 then labelled(lines, "schema", it.schema) end
    if command then
      labelled(lines, "decided by", command.name .. " " .. show.line(command.data))
    end
    lines[#lines + 1] = ink.hint "  data"
    for _, line in ipairs(show.lines(it.data, width and width - 4)) do
      lines[#lines + 1] = "    " .. line
    end
    return lines
  end)
end

local function streams_of(session, options)
  if type(options) == "string" then options = { prefix = options } end
  options = options or {}
  local limit = options.limit or default_limit
  local list = value.raised(session.past:streams {
    prefix = options.prefix, behind = options.behind, limit = limit + 1,
  })
  local more = #list > limit and table.remove(list)
  return value.shown(list, function(streams, width)
    if #streams == 0 then return { ink.hint "no streams" } end
    local rows = {}
    for i, each in ipairs(streams) do
      rows[i] = { each.stream, tostring(each.version), tostring(each.first), tostring(each.last) }
    end
    local lines = show.table({ "stream", ">version", ">first", ">last" }, rows, width)
    if more then
      lines[#lines + 1] = ink.hint("… more: behind = " .. show.line(streams[#streams].stream))
    end
    return lines
  end)
end

-- ---- What changed -------------------------------------------------------------------------------

local function diff(session, name, id, from, to)
  if name == nil or branching.is(name) then return branching.diff(session, name, id) end
  local old, new
  if not value.is_defined(session, "aggregate", name) then
    local before <close> = value.raised(session.history:at(from))
    old = value.of(session, before, name, id)
    if to then
      local after <close> = value.raised(session.history:at(to))
      new = value.of(session, after, name, id)
    else
      new = value.of(session, session.past, name, id)
    end
  else
    old = from ~= 0 and value.raised(session.past:state(name, id, from)) or nil
    new = value.raised(session.past:state(name, id, to))
  end
  return value.shown(past.differences(old or {}, new or {}), function(changes)
    local lines = {}
    for i, change in ipairs(changes) do lines[i] = value.change_line(change) end
    return #lines > 0 and lines or { ink.hint "no difference" }
  end)
end

-- ---- The domain, and help -----------------------------------------------------------------------

local function definitions_of(session, kind)
  local list = {}
  for _, each in ipairs(session.past:definitions()) do
    if kind == nil or each.kind == kind then list[#list + 1] = each end
  end
  return value.shown(list, function(definitions, width)
    local rows = {}
    for i, each in ipairs(definitions) do
      rows[i] = { each.kind, each.name, string.format("%s:%d", each.file, each.line) }
    end
    return show.table({ "kind", "name", "where" }, rows, width)
  end)
end

local function add_wrapped(lines, text, indent, width, pen)
  for _, line in ipairs(show.wrapped(text, indent, width)) do
    lines[#lines + 1] = pen and pen(line) or line
  end
end

local function help_of(env, verb)
  if verb == nil then
    return value.shown({}, function(_, width)
      local lines = {}
      for _, entry in ipairs(help.entries) do
        add_wrapped(lines, entry.usage, "", width, ink.head)
        add_wrapped(lines, entry.about, "    ", width)
      end
      return lines
    end)
  end
  for name, bound in pairs(env) do
    if bound == verb then verb = name end
  end
  local entry = help.by_name[verb]
  if not entry then
    check.misuse("there is no verb '%s'%s; help() lists them", tostring(verb),
      check.did_you_mean(tostring(verb), check.sorted_keys(help.by_name)))
  end
  return value.shown({}, function(_, width)
    local lines = {}
    add_wrapped(lines, entry.usage, "", width, ink.head)
    add_wrapped(lines, entry.about, "  ", width)
    lines[#lines + 1] = ink.hint "  example: " .. entry.example
    return lines
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
    return function(...) return value.raised(session.past[method](session.past, ...)) end
  end
  local env = {
    at = bound(moving.at), go = bound(moving.go), find = bound(moving.find),
    until_change = bound(moving.until_change), watch = bound(watching.watch),
    unwatch = bound(watching.unwatch), events = bound(events_of), event = bound(event_at),
    streams = bound(streams_of), diff = bound(diff), why = bound(understanding.why),
    trace = bound(understanding.trace), definitions = bound(definitions_of), state = asked "state",
    document = asked "find", list = bound(lists.documents), saga = asked "saga",
    sagas = bound(lists.sagas), query = asked "query", subscriptions = bound(lists.subscriptions),
    position = asked "position",
  }
  env.fixture, env.reload = bound(fixture), bound(reload)
  env.follow = bound(follow)
  for _, name in ipairs(branching.verbs) do env[name] = bound(branching[name]) end
  env.dispatch, env.publish = bound(dispatching.dispatch), bound(dispatching.publish)
  env.send = bound(dispatching.send)
  env.deterministic = bound(deterministic)
  function env.step(count) return moving.go(session, count) end
  function env.back(count) return moving.go(session, -(count or 1)) end
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
