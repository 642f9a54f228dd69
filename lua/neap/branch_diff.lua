-- Where a branch differs from what was: states, documents, sagas, and what sagas would send.

local internal = require "neap.internal"
local check = require "neap.check"
local past = require "neap.past"

local native = internal.history

local branch_diff = {}

---@class neap.BranchDiffOptions
---@field limit? integer 1,000: how many differences of a kind are wanted at most

---@class neap.BranchDifference what one of the domain's things is on the branch, and was
---@field name string of the aggregate, projection or saga
---@field id string of the instance, the document's or the saga's key
---@field stream? string an instance's
---@field old? table nil: it was not there
---@field new? table nil: it is not there
---@field changes neap.Change[]

---@class neap.BranchCommand what a saga would send, or would have
---@field saga string
---@field key string the saga's
---@field command? string
---@field timeout? string
---@field data? table
---@field old boolean it was sent there
---@field new boolean it is sent on the branch

---@class neap.BranchDiff
---@field events neap.StoredEvent[] those that only the branch has
---@field edited table<integer, "skipped" | "edited"> events of the log that it has otherwise
---@field states neap.BranchDifference[] of aggregates by key
---@field documents neap.BranchDifference[]
---@field sagas neap.BranchDifference[]
---@field decisions neap.ReloadDecision[] recorded commands that its code would decide otherwise
---@field commands neap.BranchCommand[]
---@field calls { service: string, name: string, arguments: any[] }[] what services were asked to do
---@field more boolean there are more than the limit

local page_size = 500

---@class neap.branch_diff.Job
---@field branch neap.Branch
---@field base neap.Past
---@field limit integer
---@field all boolean the domain is another one
---@field folded boolean the branch is not what it began with, and was folded again
---@field more boolean

local function raised(value, err)
  if value == nil and err ~= nil then error(err, 0) end
  return value
end

local function add(job, list, it)
  it.changes = past.differences(it.old or {}, it.new or {})
  if #it.changes == 0 and (it.old == nil) == (it.new == nil) then return end
  if #list < job.limit then
    list[#list + 1] = it
  else
    job.more = true
  end
end

-- ---- States -------------------------------------------------------------------------------------

local function aggregates_of(job)
  local aggregates = {}
  for _, each in ipairs(job.branch:definitions()) do
    if each.kind == "aggregate" then aggregates[each.name] = true end
  end
  return aggregates
end

-- nil: there is none; of an aggregate by tags, none is of one stream.
local function state_in(from, aggregate, id)
  local state, err = from:state(aggregate, id)
  if state == nil and err.code ~= "unknown" and err.code ~= "invalid" then error(err, 0) end
  return state
end

local function compare_stream(job, aggregates, stream, list)
  local aggregate, id = string.match(stream, "^([^%-]+)%-(.+)$")
  if not aggregates[aggregate] then return end
  local had, old = pcall(state_in, job.base, aggregate, id)
  add(job, list, {
    name = aggregate, id = id, stream = stream, old = had and old or nil,
    new = state_in(job.branch, aggregate, id),
  })
end

-- Which streams there are to be compared: each one where the domain is another one.
local function compare_states(job, events)
  local list, seen, aggregates = {}, {}, aggregates_of(job)
  local function compare(stream)
    if seen[stream] then return end
    seen[stream] = true
    compare_stream(job, aggregates, stream, list)
  end
  for _, event in ipairs(events) do compare(event.stream) end
  local edited = {}
  for position in pairs(job.branch.edited) do edited[#edited + 1] = position end
  table.sort(edited)
  for _, position in ipairs(edited) do compare(job.base:event(position).stream) end
  if not job.all then return list end
  local behind
  repeat
    local page = raised(job.base:streams { behind = behind, limit = page_size })
    for _, each in ipairs(page) do compare(each.stream) end
    behind = #page == page_size and page[#page].stream or nil
  until not behind or job.more
  return list
end

-- ---- Documents and sagas ------------------------------------------------------------------------

-- All of a list that is read page by page, in the order of its keys.
local function entries_of(read)
  local page, at, behind = {}, 1, nil
  return function()
    if at > #page and (behind or page[1] == nil) then
      page, at = raised(read { behind = behind, limit = page_size }), 1
      behind = #page == page_size and page[#page].key or nil
    end
    local entry = page[at]
    at = at + 1
    return entry
  end
end

-- Goes through two lists side by side.
local function merge(read_old, read_new, see)
  local next_old, next_new = entries_of(read_old), entries_of(read_new)
  local old, new = next_old(), next_new()
  while old or new do
    if new == nil or (old ~= nil and old.key < new.key) then
      see(old.key, old, nil)
      old = next_old()
    elseif old == nil or new.key < old.key then
      see(new.key, nil, new)
      new = next_new()
    else
      see(old.key, old, new)
      old, new = next_old(), next_new()
    end
  end
end

-- One that keeps rows has nothing in a past.
local function keeps_documents(job, name)
  local _, err = job.base:list(name, { limit = 1 })
  return err == nil or err.code ~= "usage"
end

-- Each key that can have changed, where that is known.
local function compare_changed(job, name, see)
  local keys = raised(native.changed(job.branch.runtime, name))
  table.sort(keys)
  for _, key in ipairs(keys) do see(key) end
end

local function compare_documents(job, name, list)
  if not keeps_documents(job, name) then return end
  if not job.folded then
    compare_changed(job, name, function(key)
      add(job, list, {
        name = name, id = key, old = raised(job.base:find(name, key)),
        new = raised(job.branch:find(name, key)),
      })
    end)
    return
  end
  merge(function(options) return job.base:list(name, options) end,
    function(options) return job.branch:list(name, options) end,
    function(key, old, new)
      add(job, list, {
        name = name, id = key, old = old and old.document, new = new and new.document,
      })
    end)
end

-- What matters of a saga, without times.
local function saga_value(saga)
  return saga and { status = saga.status, state = saga.state }
end

local function compare_sagas(job, name, list)
  if not job.folded then
    compare_changed(job, name, function(key)
      add(job, list, {
        name = name, id = key, old = saga_value(raised(job.base:saga(name, key))),
        new = saga_value(raised(job.branch:saga(name, key))),
      })
    end)
    return
  end
  merge(function(options) return job.base:sagas(name, options) end,
    function(options) return job.branch:sagas(name, options) end,
    function(key, old, new)
      add(job, list, { name = name, id = key, old = saga_value(old), new = saga_value(new) })
    end)
end

-- Of all projections, or sagas, that the branch and what was have.
local function compare_kind(job, kind, compare)
  local list, there = {}, {}
  for _, each in ipairs(raised(job.base:subscriptions())) do there[each.name] = true end
  for _, each in ipairs(raised(job.branch:subscriptions())) do
    if each.kind == kind and there[each.name] then compare(job, each.name, list) end
  end
  return list
end

-- ---- What sagas send ----------------------------------------------------------------------------

local function sent_by_id(entries)
  local by_id = {}
  for order, it in ipairs(entries) do
    local id = string.sub(it.key, -36)
    local saga, key = string.match(it.entry.owner or "", "^saga/([^/]*)/(.*)$")
    by_id[id] = by_id[id] or {
      order = order, saga = saga, key = key, data = it.entry.data,
      command = it.entry.kind == "command" and it.entry.command or nil,
      timeout = it.entry.kind == "timeout" and it.entry.name or nil,
    }
  end
  return by_id
end

local function compare_commands(job)
  local old = job.folded and sent_by_id(raised(native.issued(job.base.runtime))) or {}
  local new = sent_by_id(raised(native.issued(job.branch.runtime, job.folded)))
  local list = {}
  for id, it in pairs(old) do
    local same = new[id]
    it.old, it.new = true, same ~= nil
    if not (same and same.command == it.command and #past.differences(it.data, same.data) == 0) then
      list[#list + 1] = it
    else
      new[id] = nil
    end
  end
  for _, it in pairs(new) do
    it.old, it.new = false, true
    list[#list + 1] = it
  end
  table.sort(list, function(a, b)
    if a.old ~= b.old then return a.old end
    return a.order < b.order
  end)
  job.more = job.more or #list > job.limit
  return table.move(list, 1, math.min(#list, job.limit), 1, {})
end

-- ---- Decisions ----------------------------------------------------------------------------------

local function compare_decisions(job)
  local report = job.all and raised(native.compare_code(job.branch.runtime, job.limit))
  if not report then return {} end
  job.more = job.more or report.decisions.differing > job.limit
  return report.decisions.first
end

---@param branch neap.Branch
---@param base neap.Past where it began
---@param limit integer
---@return neap.BranchDiff
local function compare_all(branch, base, limit)
  local job = {
    branch = branch, base = base, limit = limit, more = false,
    all = branch.other or #branch.replaced > 0,
  }
  job.folded = job.all or next(branch.edited) ~= nil
  local events, edited = {}, {}
  for event in branch:events { from = branch.began + 1 } do events[#events + 1] = event end
  for position, what in pairs(branch.edited) do edited[position] = what end
  local diff = {
    events = events,
    edited = edited,
    states = compare_states(job, events),
    documents = compare_kind(job, "projection", compare_documents),
    sagas = compare_kind(job, "saga", compare_sagas),
    decisions = compare_decisions(job),
    commands = compare_commands(job),
    calls = raised(branch:calls()),
  }
  diff.more = job.more
  return diff
end

---@param branch neap.Branch
---@param options? neap.BranchDiffOptions
---@return neap.BranchDiff?
---@return neap.Error?
function branch_diff.of(branch, options)
  options = options or {}
  check.keys(options, { limit = "?number" }, "diff")
  local limit = math.tointeger(options.limit or 1000)
  if limit == nil or limit < 1 then
    check.misuse("diff: option limit must be an integer from 1, but is %s", options.limit)
  end
  local runtime, err = native.at(native.history(branch.runtime), branch.began)
  if not runtime then return nil, err end
  local base <close> = past.of(runtime)
  local ok, diff = pcall(compare_all, branch, base, limit)
  if ok then return diff end
  if type(diff) == "table" and diff.code then return nil, diff end
  error(diff, 0)
end

return branch_diff
