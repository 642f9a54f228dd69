-- The REPL's verb that goes on with what others append.

local check = require "neap.check"
local ink = require "neap.repl_ink"
local past = require "neap.past"
local value = require "neap.repl_value"

local function filter_of(session, options)
  local filter = {}
  if options ~= nil and type(options) ~= "table" then
    check.misuse("follow(filter, predicate): the filter must be a table, as in { timeout = 60 }")
  end
  for key, each in pairs(options or {}) do filter[key] = each end
  if filter.type ~= nil then
    value.check_defined(session, filter.type, { "event" })
    filter.types, filter.type = filter.type, nil
  end
  return filter
end

-- Goes from event to event, as they come; gives the last one.
local function follow(session, filter, predicate)
  local last
  for event in past.follow(session.history.native, session.past, filter) do
    last = event
    session:show(value.arrived(session, session:move(event.position)))
    if predicate and predicate(event.data, event) then break end
  end
  return last
end

---Goes to the end and stays there: shows each event that others append, and what it changed, until
---the limit, the timeout, the first event for which the predicate holds, or Ctrl-C.
---@param session neap.Repl
---@param options? table stream, category, type, limit, timeout
---@param predicate? fun(data: table, event: neap.StoredEvent): any
---@return table? event the last one
return function(session, options, predicate)
  local filter = filter_of(session, options)
  if predicate ~= nil and type(predicate) ~= "function" then
    check.misuse("follow(filter, predicate): the predicate must be a function of the event's data")
  end
  local lines = session:move(value.raised(session.history:last()))
  if session.width then
    lines[#lines + 1] = ink.hint(string.format("behind %d: Ctrl-C ends", session.past:position()))
  end
  session:put(lines)
  local ok, last = pcall(follow, session, filter, predicate)
  if not ok and not session.interrupted() then error(last, 0) end
  if not ok or last == nil then return nil end
  return value.shown(last, function() return {} end) -- it was shown when it came
end
