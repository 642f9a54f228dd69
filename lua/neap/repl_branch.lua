-- The REPL's verbs for branches: the session goes on to one, and does there what it likes.

local Branch = require "neap.branch"
local check = require "neap.check"
local ink = require "neap.repl_ink"
local report = require "neap.repl_report"
local show = require "neap.repl_show"
local value = require "neap.repl_value"
local watching = require "neap.repl_watch"

local branching = {
  verbs = { "branch", "advance", "skip", "edit", "replace", "calls", "save", "discard" },
}

local function current(session, verb)
  return session.branches[#session.branches]
    or check.misuse("%s is for a branch: branch() begins one", verb)
end

-- Does something on the branch, and tells what changed in what is watched.
local function changing(session, work)
  local before = watching.values(session)
  local result = work()
  return result, watching.changes(session, before)
end

local function call_line(call)
  local arguments = {}
  for i, each in ipairs(call.arguments) do arguments[i] = show.line(each) end
  return string.format("%s.%s(%s)", call.service, call.name, table.concat(arguments, ", "))
end

local function lines_since(branch, position, calls, otherwise)
  local lines = {}
  for event in branch:events { from = position + 1 } do
    lines[#lines + 1] = value.event_line(event)
  end
  if #lines == 0 then lines[1] = ink.hint(otherwise or "no events") end
  local asked = value.raised(branch:calls())
  for i = calls + 1, #asked do
    lines[#lines + 1] = "  asked, not called: " .. call_line(asked[i])
  end
  return lines
end

-- What a command, an event or time leads to there.
local function going_on(session, branch, work, otherwise)
  local position, calls = branch:position(), #value.raised(branch:calls())
  local result, changes = changing(session, work)
  local lines = lines_since(branch, position, calls, otherwise)
  table.move(changes, 1, #changes, #lines + 1, lines)
  return value.shown(type(result) == "table" and result or {}, function() return lines end)
end

---Decides a command on the session's branch, or queues it or records an event there.
---@param session neap.Repl
---@param verb "dispatch" | "publish" | "send"
---@param name string
---@param data? table
---@param options? table
---@return table receipt
function branching.act(session, verb, name, data, options)
  local branch = current(session, verb)
  return going_on(session, branch, function()
    return value.raised(branch[verb](branch, name, data, options))
  end, verb == "send" and "queued; advance(seconds) lets its time come" or nil)
end

function branching.advance(session, seconds)
  local branch = current(session, "advance")
  return going_on(session, branch, function() return value.raised(branch:advance(seconds)) end)
end

-- ---- Beginning and ending -----------------------------------------------------------------------

-- As a value, a branch is printed as where it is.
Branch.__lines = function(branch)
  local it = branch:position() - branch.began
  return {
    string.format("a branch of event %d, with %d event%s of its own", branch.began, it,
      it == 1 and "" or "s"),
    ink.hint "dispatch, publish, skip, edit, replace, advance; diff() compares, discard() ends it",
  }
end

function branching.branch(session, options)
  local branch = value.raised(session.past:branch(options))
  branch.texts = session.texts
  session.branches[#session.branches + 1] = branch
  branch.left = session.past
  session.past = branch
  return branch
end

function branching.discard(session)
  local branch = current(session, "discard")
  session.branches[#session.branches] = nil
  session.past = branch.left
  branch:discard()
  return value.arrived(session, {})
end

function branching.save(session, file)
  if type(file) ~= "string" then
    check.misuse("save(file): into which file? As in \"what_if.jsonl\"")
  end
  local events = value.raised(current(session, "save"):save(file))
  return value.shown({ file = file, events = events }, function(it)
    return { string.format("written: %s, %d events; neap import makes a store of it", it.file,
      it.events) }
  end)
end

-- ---- Other events, other functions --------------------------------------------------------------

-- A change of the branch itself.
local function altering(session, verb, said, ...)
  local branch, arguments = current(session, verb), table.pack(...)
  local _, changes = changing(session, function()
    return value.raised(branch[verb](branch, table.unpack(arguments, 1, arguments.n)))
  end)
  table.insert(changes, 1, said)
  return value.shown({}, function() return changes end)
end

function branching.skip(session, position)
  return altering(session, "skip", string.format("without event %s", tostring(position)), position)
end

function branching.edit(session, position, change)
  local it = altering(session, "edit", "", position, change)
  local event = session.past:event(position)
  local lines = getmetatable(it).__lines()
  lines[1] = value.event_line(event)
  return it
end

function branching.replace(session, of, name, with)
  local label = with ~= nil and string.format("%s.%s", of, tostring(name)) or tostring(of)
  return altering(session, "replace", label .. " is another function here", of, name, with)
end

function branching.calls(session)
  return value.shown(value.raised(current(session, "calls"):calls()), function(calls)
    local lines = {}
    for i, call in ipairs(calls) do lines[i] = call_line(call) end
    return #lines > 0 and lines or { ink.hint "no service was asked for anything" }
  end)
end

-- ---- Comparing ----------------------------------------------------------------------------------

local function add_differences(lines, list)
  for _, it in ipairs(list) do
    local fate = it.old == nil and " is new" or it.new == nil and " is not there" or ""
    lines[#lines + 1] = ink.head(it.stream or it.name .. " " .. show.line(it.id)) .. fate
    for _, change in ipairs(it.changes) do lines[#lines + 1] = value.change_line(change) end
  end
end

local function command_line(it)
  local what = it.timeout and "timeout " .. show.line(it.timeout)
    or string.format("%s %s", it.command, show.line(it.data or {}))
  local who = it.saga and string.format("%s %s", it.saga, show.line(it.key))
    or "a command for later"
  local fate = it.new and (it.old and "is sent with other data" or "is sent")
    or "is not sent any more"
  return string.format("%s, by %s, %s", what, who, fate)
end

local function positions_of(edited)
  local positions = {}
  for position in pairs(edited) do positions[#positions + 1] = position end
  table.sort(positions)
  return positions
end

local words = { before = "before", now = "on the branch" }

local function diff_lines(diff)
  local lines = {}
  for _, event in ipairs(diff.events) do lines[#lines + 1] = value.event_line(event) end
  for _, position in ipairs(positions_of(diff.edited)) do
    lines[#lines + 1] = string.format("event %d is %s", position,
      diff.edited[position] == "skipped" and "left out" or "another one")
  end
  add_differences(lines, diff.states)
  add_differences(lines, diff.documents)
  add_differences(lines, diff.sagas)
  for _, it in ipairs(diff.decisions) do report.add_decision(lines, it, words) end
  for _, it in ipairs(diff.commands) do lines[#lines + 1] = command_line(it) end
  for _, call in ipairs(diff.calls) do
    lines[#lines + 1] = "asked, not called: " .. call_line(call)
  end
  if diff.more then lines[#lines + 1] = ink.hint "… there are more: diff(nil, { limit = … })" end
  return #lines > 0 and lines or { ink.hint "no difference" }
end

---Compares a branch with what was.
---@param session neap.Repl
---@param branch? neap.Branch nil: the session's
---@param options? neap.BranchDiffOptions
---@return neap.BranchDiff
function branching.diff(session, branch, options)
  branch = branch or current(session, "diff() without arguments")
  return value.shown(value.raised(branch:diff(options)), diff_lines)
end

---@param it any
---@return boolean
function branching.is(it)
  return getmetatable(it) == Branch
end

return branching
