-- The REPL's verbs that change something: on a branch, or with --write in the store's log.

local internal = require "neap.internal"
local branching = require "neap.repl_branch"
local check = require "neap.check"
local ink = require "neap.repl_ink"
local json = require "neap.json"
local value = require "neap.repl_value"

local dispatching = {}

local patience = 0.1 -- seconds from one look at Ctrl-C to the next

---The runtime that decides commands beside a session's history. Reactions are left to the processes
---that run the domain, if `reacts` does not say otherwise; inline projections are part of commands.
---@param options neap.ReplOptions
---@return neap.Runtime?
---@return neap.Error?
function dispatching.open(options)
  local config, err
  if options.config then
    config, err = json.decode(options.config)
    if err then return nil, err end
  end
  return internal.open(options.domain, {
    store = options.store, config = config, log = "stderr",
    subscriptions = not options.reacts and "" or nil,
  })
end

-- Who takes what a verb changes.
local function target_of(session, verb)
  return session.writer or check.misuse("%s changes the log, and the store was opened for reading: "
    .. "branch() makes a fork in memory; neap repl --write opens the store for writing, too", verb)
end

-- Waits for what was handed over, but not against the user's will.
local function outcome_of(session, pending)
  repeat
    pending:wait(patience)
    local position = session.past:position()
    if not pending:done() and not session.go_on(position, position) then
      session.interrupted()
      error("interrupted: it was handed over, and may still take effect", 0)
    end
  until pending:done()
  return value.raised(pending:wait())
end

-- The session goes to the end; the receipt shows its events, and what changed in what is watched.
local function recorded(session, receipt)
  local moved, changes = pcall(function()
    return session:move(value.raised(session.history:last()))
  end)
  if not moved then
    error(string.format("it took effect, but the session did not come to %d: %s", receipt.position,
      tostring(changes)), 0)
  end
  local lines = {}
  if receipt.repeated then lines[1] = ink.hint "the key is known: it took effect before" end
  local count = #receipt.events
  if count > 0 then
    local first = receipt.position - count + 1
    for event in session.past:events { from = first, to = receipt.position } do
      lines[#lines + 1] = value.event_line(event)
    end
  else
    lines[#lines + 1] = ink.hint "no events"
  end
  table.move(changes, 1, #changes, #lines + 1, lines)
  return value.shown(receipt, function() return lines end)
end

---Decides a command, and goes to the last event, which mostly is its own.
---@param session neap.Repl
---@param name string
---@param data? table
---@param options? neap.DispatchOptions
---@return neap.Receipt
function dispatching.dispatch(session, name, data, options)
  if #session.branches > 0 then return branching.act(session, "dispatch", name, data, options) end
  local runtime = target_of(session, "dispatch")
  if type(options) == "table" then
    for _, key in ipairs { "after", "at", "name" } do
      if options[key] ~= nil then
        check.misuse("dispatch: '%s' is for send, which puts a command into the queue", key)
      end
    end
    if options.wait_for ~= nil then
      return recorded(session, value.raised(runtime:dispatch(name, data, options)))
    end
  end
  return recorded(session, outcome_of(session, value.raised(runtime:send(name, data, options))))
end

---Records an event from outside.
---@param session neap.Repl
---@param name string
---@param data? table
---@param options neap.PublishingOptions
---@return neap.Receipt
function dispatching.publish(session, name, data, options)
  if #session.branches > 0 then return branching.act(session, "publish", name, data, options) end
  local runtime = target_of(session, "publish")
  return recorded(session, value.raised(runtime:publish(name, data, options)))
end

---Puts a command into the store's queue; who runs the domain does it when it is due.
---@param session neap.Repl
---@param name string
---@param data? table
---@param options? neap.SendOptions
---@return neap.Receipt
function dispatching.send(session, name, data, options)
  if #session.branches > 0 then return branching.act(session, "send", name, data, options) end
  local runtime = target_of(session, "send")
  local wanted = {}
  for key, each in pairs(options or {}) do wanted[key] = each end
  if wanted.after == nil and wanted.at == nil then wanted.after = 0 end
  local receipt = outcome_of(session, value.raised(runtime:send(name, data, wanted)))
  return value.shown(receipt, function(it) return { "queued as " .. it.command_id } end)
end

return dispatching
