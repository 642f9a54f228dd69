local neap = require "neap"
local domain = neap.domain "counting"

local Added = domain:event "Added" { id = "string", n = "integer" }
local Noted = domain:event "Noted" { id = "string", text = "string" }
domain:command "Add" { id = "string", n = "integer" }
domain:command "Touch" { id = "string" }
local Note = domain:command "Note" { id = "string", text = "string" }
local Total = domain:query "Total" { id = "string" }

domain:aggregate "Counter" {
  key = "id",
  initial = { total = 0, additions = 0 },
  commands = {
    -- A counter holds at most 20: the rule that races would break.
    Add = function(counter, command)
      if counter.total + command.n > 20 then
        return neap.reject("full", "the counter is full", { total = counter.total })
      end
      return Added { id = command.id, n = command.n }
    end,
    Touch = function() end,
  },
  events = {
    Added = function(counter, event)
      counter.total = counter.total + event.n
      counter.additions = counter.additions + 1
    end,
    Noted = function(counter, event) counter.note = event.text end,
  },
  snapshot = { every = 5 },
}

domain:handle(Note, function(command, context)
  local noted = Noted { id = command.id, text = command.text }
  context:publish(noted, { stream = "Counter-" .. command.id })
end)

domain:answer(Total, function(query, context)
  local counter = context:state("Counter", query.id)
  return counter and counter.total or 0
end)

return domain
