-- The REPL's verbs that list documents, sagas and subscriptions, as tables.

local ink = require "neap.repl_ink"
local show = require "neap.repl_show"
local value = require "neap.repl_value"

local lists = {}

local usual_limit = 1000 -- of a list for which none is given

-- Rows under the columns, or that there are none; `limit` of them are all that was asked for.
local function listed(items, options, columns, row_of, none)
  return value.shown(items, function(list, width)
    if #list == 0 then return { ink.hint(none) } end
    local rows = {}
    for i, item in ipairs(list) do rows[i] = row_of(item) end
    local lines = show.table(columns, rows, width)
    if #list >= (options and options.limit or usual_limit) then
      lines[#lines + 1] = ink.hint("… perhaps more: behind = " .. show.line(list[#list].key))
    end
    return lines
  end)
end

-- "2026-11-27T14:10:29.123456Z" as other times are shown.
local function moment(text)
  return ink.hint((string.gsub(string.gsub(text or "?", "T", " "), "%d%d%dZ$", "")))
end

function lists.documents(session, projection, options)
  local items = value.raised(session.past:list(projection, options))
  return listed(items, options, { "key", "document" }, function(item)
    return { show.line(item.key), show.line(item.document) }
  end, "no documents")
end

function lists.sagas(session, name, options)
  local items = value.raised(session.past:sagas(name, options))
  return listed(items, options, { "key", "status", ">position", "state", "waiting" },
    function(item)
      local waiting = {}
      for i, each in ipairs(item.waiting or {}) do
        waiting[i] = string.format("%s %s", each.name or each.command, moment(each.due_at))
      end
      return {
        show.line(item.key), item.status, tostring(item.position), show.line(item.state),
        table.concat(waiting, ", "),
      }
    end, "no sagas")
end

-- Why one has stopped.
local function error_of(subscription)
  for _, partition in ipairs(subscription.partitions or {}) do
    if partition.error then return ink.old(partition.error) end
  end
  return ""
end

function lists.subscriptions(session)
  local items = value.raised(session.past:subscriptions())
  return listed(items, nil, { "kind", "name", ">position", "state", "error" },
    function(item)
      return { item.kind, item.name, tostring(item.position), item.state, error_of(item) }
    end, "nothing is folded here")
end

return lists
