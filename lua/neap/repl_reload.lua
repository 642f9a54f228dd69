-- The REPL's verb that takes changed code, and tells what it makes of the log.

local check = require "neap.check"
local ink = require "neap.repl_ink"
local show = require "neap.repl_show"
local value = require "neap.repl_value"
local watching = require "neap.repl_watch"

local most_of_a_page = 3 -- differences of each kind; whole() shows all that are told

local things = { aggregate = "instances", projection = "documents", saga = "sagas" }

-- ---- What is printed ----------------------------------------------------------------------------

-- The first ones of a list, and how many there are beside them.
local function add_first(lines, list, count, width, add)
  local most = width and math.min(#list, most_of_a_page) or #list
  for i = 1, most do add(lines, list[i]) end
  if count > most then
    lines[#lines + 1] = ink.hint(string.format("  … %d more", count - most))
  end
end

local function add_error(lines, which, err)
  if err then lines[#lines + 1] = string.format("    %s: %s", which, ink.escape(err)) end
end

local function add_difference(lines, it)
  lines[#lines + 1] = string.format("  %s from %s on: %s, version %d of %s, %s",
    it.key and ink.head(ink.escape(it.key)) or "it has stopped", ink.head(tostring(it.position)),
    ink.escape(it.type), it.version, ink.escape(it.stream), ink.escape(it.handler))
  if it.initial then lines[#lines + 1] = "    it was another one before any event: 'initial'" end
  if it.equal_at then
    lines[#lines + 1] = string.format("    or from an event before it, behind version %d",
      it.equal_at)
  end
  add_error(lines, "before", it.error_before)
  add_error(lines, "after", it.error_after)
  if it.error_before or it.error_after then return end
  for _, change in ipairs(it.changes) do lines[#lines + 1] = "  " .. value.change_line(change) end
end

local function add_states(lines, states, width)
  local name = string.format("%s (%s)", ink.head(states.name), states.kind)
  if states.passed_over then
    lines[#lines + 1] = string.format("%s: not compared, %s", name, states.passed_over)
  elseif states.differing > 0 and states.first[1].key then
    lines[#lines + 1] = string.format("%s: %d of %d %s differ", name, states.differing,
      states.compared, things[states.kind])
  elseif states.differing > 0 then
    lines[#lines + 1] = string.format("%s: differs", name)
  end
  add_first(lines, states.first, states.differing, width, add_difference)
end

local function outcome_text(outcome)
  local err = outcome.error
  if err then
    return string.format("%s (%s): %s", err.status == "rejected" and "rejected" or "error",
      ink.escape(err.code), ink.escape(err.message))
  end
  local texts = {}
  for i, event in ipairs(outcome.events) do
    texts[i] = ink.escape(event.type) .. " " .. show.line(event.data)
  end
  return #texts > 0 and table.concat(texts, ", ") or "nothing"
end

local function add_decision(lines, it)
  lines[#lines + 1] = string.format("  %s  %s %s, %s", ink.head(tostring(it.position)),
    ink.head(ink.escape(it.command)), show.line(it.data), ink.escape(it.handler))
  lines[#lines + 1] = "    recorded: " .. outcome_text { events = it.recorded }
  if it.before then lines[#lines + 1] = "    before: " .. outcome_text(it.before) end
  lines[#lines + 1] = "    now: " .. outcome_text(it.after)
end

local function add_undecided(lines, undecided)
  if undecided.count == 0 then return end
  lines[#lines + 1] = string.format("decisions: %d cannot be made again", undecided.count)
  for _, reason in ipairs(undecided.reasons) do
    lines[#lines + 1] = string.format("  %s%s (%d, the first at %d)",
      reason.command and ink.escape(reason.command) .. ": " or "", ink.escape(reason.why),
      reason.count, reason.position)
  end
end

local function add_decisions(lines, report, width)
  local decisions, as_before = report.decisions, report.as_before
  if decisions.differing > 0 then
    lines[#lines + 1] = string.format("decisions: %d of %d would be others", decisions.differing,
      decisions.compared)
    add_first(lines, decisions.first, decisions.differing, width, add_decision)
  end
  if as_before.differing > 0 then
    lines[#lines + 1] = string.format("decisions: %d were others, but the code before decides them "
      .. "as this does", as_before.differing)
    add_first(lines, as_before.first, as_before.differing, width, add_decision)
  end
  add_undecided(lines, report.undecided)
end

local function add_same(lines, report)
  local counts = {}
  for _, states in ipairs(report.states) do
    if not states.passed_over then
      counts[#counts + 1] = string.format("%s %d", states.name, states.compared)
    end
  end
  counts[#counts + 1] = string.format("decisions %d", report.decisions.compared)
  lines[#lines + 1] = "no difference: " .. table.concat(counts, ", ")
end

local function lines_of(report, width)
  local lines = {
    string.format("%s, positions %d to %d; the session %s", ink.escape(report.path), report.from,
      report.to, report.kept and "goes on with it" or "stays with the code that it has"),
  }
  if report.same then add_same(lines, report) end
  for _, states in ipairs(report.states) do add_states(lines, states, width) end
  add_decisions(lines, report, width)
  return lines
end

-- ---- The verb -----------------------------------------------------------------------------------

-- All that can fail comes first: else the session would have some of both codes.
local function go_on_with(session, other)
  local before = watching.values(session)
  local log = value.raised(other:log())
  local past = value.raised(other:at(session.past:position()))
  session.past:close()
  session.log:close()
  session.history, session.log, session.past = other, log, past
  session.name = value.name_of(other.path)
  return watching.changes(session, before)
end

---Takes the changed file, or another one, and tells what differs.
---@param session neap.Repl
---@param path? string | neap.ReloadOptions
---@param options? neap.ReloadOptions
---@return neap.Reload report
return function(session, path, options)
  if type(path) == "table" and options == nil then path, options = nil, path end
  if path ~= nil and type(path) ~= "string" then
    check.misuse("reload(path, options): the path must be a text, but is a %s", type(path))
  end
  if session.writer and not (options and options.keep == false) then
    check.misuse("reload: commands of this session are decided by the code that it began with; "
      .. "reload { keep = false } only looks, and neap repl --write begins with the new code")
  end
  local other = value.raised(session.history:again(path))
  local report = value.raised(session.history:compare(other, options))
  local watched = {}
  if report.kept then
    watched = go_on_with(session, other)
  else
    other:close()
  end
  return value.shown(report, function(it, width)
    local lines = lines_of(it, width)
    return table.move(watched, 1, #watched, #lines + 1, lines)
  end)
end
