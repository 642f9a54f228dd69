-- What changed code makes of a log: the report of both, folded side by side.

local internal = require "neap.internal"
local past = require "neap.past"

local native = internal.history

local reload = {}

---@class neap.ReloadOptions
---@field from? integer 1: positions, what differs there is told
---@field to? integer the last one
---@field limit? integer 20: so many of each kind are told, the first ones; all are counted
---@field aggregate? string its states and decisions alone
---@field keep? boolean false: the history stays with the code that it has

---An instance, a document or a saga that is another one with the new code.
---@class neap.ReloadDifference
---@field key string? its id; nil: it is about the whole of it, which has stopped at the event
---@field position integer of the event from which it differs
---@field version integer of that event in its stream
---@field stream string
---@field type string
---@field handler string what handled that event, "shop.lua:21", in the new code
---@field handler_before string the same in the old one
---@field initial? boolean it differed before any event: `initial` did
---@field equal_at? integer the version at which they were equal, where states are so large that not
--- all were compared
---@field before? table the state, or document; of a saga its status, its state, and what the event
--- `wanted` done; nil: there was none
---@field after? table
---@field error_before? string why there is none
---@field error_after? string
---@field changes neap.Change[] field by field

---An aggregate, a projection or a saga.
---@class neap.ReloadStates
---@field kind "aggregate" | "projection" | "saga"
---@field name string
---@field compared integer instances, documents
---@field differing integer
---@field first neap.ReloadDifference[] the first ones in the log
---@field passed_over? string why none were compared

---@class neap.ReloadError
---@field code string of a rejection the domain's own
---@field status string "rejected", "invalid" …
---@field message string
---@field details? any of a rejection

---What code decides: events, or an error in their place.
---@class neap.ReloadOutcome
---@field events? { type: string, data: table }[]
---@field error? neap.ReloadError

---A recorded command that the new code decides otherwise.
---@class neap.ReloadDecision
---@field command string
---@field id string
---@field data table
---@field meta? table<string, string>
---@field recorded_at integer µs since 1970, UTC
---@field position integer of its first event
---@field stream string
---@field version integer
---@field recorded { type: string, data: table }[] its events, as they are today
---@field after neap.ReloadOutcome
---@field before? neap.ReloadOutcome of the old code, where that is another one, too
---@field handler string what decides it, "shop.lua:12"

---Decisions that cannot be made again for one reason.
---@class neap.ReloadUndecided
---@field command string? nil: it was not recorded
---@field why string
---@field count integer
---@field position integer of the first

---@class neap.Reload
---@field path string the file
---@field kept boolean whether the history goes on with it
---@field from integer
---@field to integer
---@field same boolean nothing differs
---@field first? neap.ReloadDifference the first of all, with `kind` and `name`
---@field states neap.ReloadStates[]
---@field decisions { compared: integer, differing: integer, first: neap.ReloadDecision[] }
---@field as_before { differing: integer, first: neap.ReloadDecision[] } decided otherwise than was
--- recorded, but just so by the old code: it was other code, or it knew what is not in the log
---@field undecided { count: integer, reasons: neap.ReloadUndecided[] } what cannot be so

local function add_changes(difference)
  difference.changes = past.differences(difference.before or {}, difference.after or {})
end

-- Adds what follows from the rest.
local function complete(report)
  local same = report.decisions.differing == 0
  for _, states in ipairs(report.states) do
    same = same and states.differing == 0
    for _, difference in ipairs(states.first) do add_changes(difference) end
    local first = states.first[1]
    if first and (not report.first or first.position < report.first.position) then
      first.kind, first.name = states.kind, states.name
      report.first = first
    end
  end
  report.same = same
  return report
end

---Compares what two histories of one store make of its log.
---@param before userdata
---@param after userdata
---@param path string of the file after
---@param options? neap.ReloadOptions
---@return neap.Reload?
---@return neap.Error?
function reload.compare(before, after, path, options)
  local report, err = native.compare(before, after, options)
  if not report then return nil, err end
  report.path = path
  report.kept = not (options and options.keep == false)
  return complete(report)
end

---@class neap.DeterministicOptions
---@field from? integer 1: positions, what differs there is told
---@field to? integer the last one
---@field limit? integer 20: so many of each kind are told, the first ones; all are counted
---@field aggregate? string its states and decisions alone

---As of changed code, but `before` and `after` are the same code, which has come to both.
---@class neap.Deterministic
---@field path string the file
---@field from integer
---@field to integer
---@field same boolean nothing differs: it is deterministic
---@field first? neap.ReloadDifference the first of all, with `kind` and `name`
---@field states neap.ReloadStates[]
---@field decisions { compared: integer, differing: integer, first: neap.ReloadDecision[] }
---@field undecided { count: integer, reasons: neap.ReloadUndecided[] } decisions that cannot be
--- made again

---Folds a history's log twice.
---@param history userdata
---@param path string
---@param options? neap.DeterministicOptions
---@return neap.Deterministic?
---@return neap.Error?
function reload.twice(history, path, options)
  local report, err = native.deterministic(history, nil, options)
  if not report then return nil, err end
  report.path = path
  return complete(report)
end

return reload
