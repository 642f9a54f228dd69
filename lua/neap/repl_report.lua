-- What a report on two folds of a log looks like: of old code and new, or of the same code twice.

local ink = require "neap.repl_ink"
local show = require "neap.repl_show"
local value = require "neap.repl_value"

local report_lines = {}

local most_of_a_page = 3 -- differences of each kind; whole() shows all that are told

local things = { aggregate = "instances", projection = "documents", saga = "sagas" }

-- The first ones of a list, and how many there are beside them.
local function add_first(lines, list, count, width, add, words)
  local most = width and math.min(#list, most_of_a_page) or #list
  for i = 1, most do add(lines, list[i], words) end
  if count > most then
    lines[#lines + 1] = ink.hint(string.format("  … %d more", count - most))
  end
end

local function add_error(lines, which, err)
  if err then lines[#lines + 1] = string.format("    %s: %s", which, ink.escape(err)) end
end

local function add_difference(lines, it, words)
  lines[#lines + 1] = string.format("  %s from %s on: %s, version %d of %s, %s",
    it.key and ink.head(ink.escape(it.key)) or "it has stopped", ink.head(tostring(it.position)),
    ink.escape(it.type), it.version, ink.escape(it.stream), ink.escape(it.handler))
  if it.initial then lines[#lines + 1] = "    it was another one before any event: 'initial'" end
  if it.equal_at then
    lines[#lines + 1] = string.format("    or from an event before it, behind version %d",
      it.equal_at)
  end
  add_error(lines, words.before, it.error_before)
  add_error(lines, words.after, it.error_after)
  if it.error_before or it.error_after then return end
  for _, change in ipairs(it.changes) do lines[#lines + 1] = "  " .. value.change_line(change) end
end

local function add_states(lines, states, width, words)
  local name = string.format("%s (%s)", ink.head(states.name), states.kind)
  if states.passed_over then
    lines[#lines + 1] = string.format("%s: not compared, %s", name, states.passed_over)
  elseif states.differing > 0 and states.first[1].key then
    lines[#lines + 1] = string.format("%s: %d of %d %s differ", name, states.differing,
      states.compared, things[states.kind])
  elseif states.differing > 0 then
    lines[#lines + 1] = string.format("%s: differs", name)
  end
  add_first(lines, states.first, states.differing, width, add_difference, words)
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

---Adds one decision that is another one.
---@param lines string[]
---@param it neap.ReloadDecision
---@param words neap.ReplReportWords
function report_lines.add_decision(lines, it, words)
  lines[#lines + 1] = string.format("  %s  %s %s, %s", ink.head(tostring(it.position)),
    ink.head(ink.escape(it.command)), show.line(it.data), ink.escape(it.handler))
  lines[#lines + 1] = "    recorded: " .. outcome_text { events = it.recorded }
  if it.before then
    lines[#lines + 1] = string.format("    %s: %s", words.before, outcome_text(it.before))
  end
  lines[#lines + 1] = string.format("    %s: %s", words.now, outcome_text(it.after))
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

local function add_decisions(lines, report, width, words)
  local decisions, as_before = report.decisions, report.as_before
  if decisions.differing > 0 then
    lines[#lines + 1] = string.format("decisions: %d of %d %s", decisions.differing,
      decisions.compared, words.decisions)
    add_first(lines, decisions.first, decisions.differing, width, report_lines.add_decision, words)
  end
  if as_before.differing > 0 then
    lines[#lines + 1] = string.format("decisions: %d were others, but the code before decides them "
      .. "as this does", as_before.differing)
    add_first(lines, as_before.first, as_before.differing, width, report_lines.add_decision, words)
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

---@class neap.ReplReportWords
---@field before string what the first one is called
---@field after string the second one, of a state
---@field now string and of a decision
---@field decisions string what those do that differ

---Adds what differs, or that nothing does.
---@param lines string[]
---@param report neap.Reload | neap.Deterministic
---@param width? integer of a terminal, on which only the first ones are told
---@param words neap.ReplReportWords
function report_lines.add(lines, report, width, words)
  if report.same then add_same(lines, report) end
  for _, states in ipairs(report.states) do add_states(lines, states, width, words) end
  add_decisions(lines, report, width, words)
end

return report_lines
