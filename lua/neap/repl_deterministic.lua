-- The REPL's verb that folds the log twice, and tells what does not come to the same.

local ink = require "neap.repl_ink"
local report_lines = require "neap.repl_report"
local value = require "neap.repl_value"

local words = {
  before = "once", after = "and once", now = "and once",
  decisions = "come to something else when they are made again",
}

---@param session neap.Repl
---@param options? neap.DeterministicOptions
---@return neap.Deterministic report
return function(session, options)
  local report = value.raised(session.history:deterministic(options))
  return value.shown(report, function(it, width)
    local lines = {
      string.format("%s, positions %d to %d, folded twice: %s", ink.escape(it.path), it.from,
        it.to, it.same and "deterministic" or "not deterministic"),
    }
    report_lines.add(lines, it, width, words)
    return lines
  end)
end
