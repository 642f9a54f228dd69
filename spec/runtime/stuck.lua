-- Handlers that can be made to hang in a function of the host's, in C; and an aggregate.
local neap = require "neap"
local domain = neap.domain "stuck"

local Added = domain:event "Added" { id = "string" }
domain:command "Add" { id = "string", busy = "boolean?" }
local Hang = domain:command "Hang" { first = "boolean?", rest = "boolean?" }
local Rest = domain:command "Rest" { seconds = "integer" }
local Idle = domain:command "Idle" {}
local Count = domain:query "Count" { id = "string" }

domain:aggregate "Thing" {
  key = "id",
  initial = { count = 0 },
  commands = {
    Add = function(_, command)
      if command.busy then
        local list = {}
        for i = 1, 2000000 do list[i] = i * 7919 % 2000003 end
        table.sort(list)
      end
      return Added { id = command.id }
    end,
  },
  events = { Added = function(thing) thing.count = thing.count + 1 end },
}

domain:service("host", function() return { hang = function() end } end)

domain:handle(Hang, function(command, context)
  if command.first then context:dispatch("Add", { id = "before" }) end
  if command.rest then context:sleep(0.2) end
  context.services.host.hang({})
end)
domain:handle(Rest, function(command, context) context:sleep(command.seconds) end)
domain:handle(Idle, function() end)
domain:answer(Count, function(query, context)
  local thing = context:state("Thing", query.id)
  return thing and thing.count or 0
end)

return domain
