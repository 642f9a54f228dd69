-- What the queue is tried with: commands of each kind, one that is rejected, one that fails.
local neap = require "neap"
local domain = neap.domain "queueing"

local Added = domain:event("Added", { tags = { "id" } }) { id = "string", n = "integer" }
local Grouped = domain:event("Grouped", { tags = { "group" } }) { group = "string", n = "integer" }
domain:command "Add" { id = "string", n = "integer" }
domain:command "Group" { group = "string", n = "integer" }
local Relay = domain:command "Relay" { id = "string", n = "integer" }
local Fail = domain:command "Fail" { id = "string" }

domain:aggregate "Tally" {
  key = "id",
  initial = { total = 0 },
  commands = {
    Add = function(_, command)
      if command.n == 13 then return neap.reject("unlucky", "thirteen is not counted") end
      if command.n == 0 then return end
      return Added { id = command.id, n = command.n }
    end,
  },
  events = { Added = function(tally, event) tally.total = tally.total + event.n end },
}

domain:aggregate "Bunch" {
  tags = { "group" },
  initial = { total = 0 },
  commands = {
    Group = function(_, command)
      if command.n == 0 then return end
      return Grouped { group = command.group, n = command.n }
    end,
  },
  events = { Grouped = function(bunch, event) bunch.total = bunch.total + event.n end },
}

domain:handle(Relay, function(command, context)
  if command.n == 0 then return end
  context:publish(Added { id = command.id, n = command.n }, { stream = "Tally-" .. command.id })
end)

domain:handle(Fail, function(command) error("it fails, " .. command.id) end)


-- Each step publishes, and sends the next.
local Chain = domain:command "Chain" { id = "string", n = "integer" }
domain:handle(Chain, function(command, context)
  local added = Added { id = command.id, n = command.n }
  context:publish(added, { stream = "Tally-" .. command.id })
  if command.n > 1 then context:send(Chain { id = command.id, n = command.n - 1 }) end
end)

return domain
