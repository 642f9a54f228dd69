-- The REPL's verb that takes changed code, and tells what it makes of the log.

local check = require "neap.check"
local ink = require "neap.repl_ink"
local report_lines = require "neap.repl_report"
local value = require "neap.repl_value"
local watching = require "neap.repl_watch"

local words = {
  before = "before", after = "after", now = "now", decisions = "would be others",
}

local function lines_of(report, width)
  local lines = {
    string.format("%s, positions %d to %d; the session %s", ink.escape(report.path), report.from,
      report.to, report.kept and "goes on with it" or "stays with the code that it has"),
  }
  report_lines.add(lines, report, width, words)
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
