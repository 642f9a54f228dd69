-- A saga with a command that fails, and a timeout behind it.
local neap = require "neap"
local domain = neap.domain "damaged"

local Begun = domain:event "Begun" { id = "string" }
local Begin = domain:command "Begin" { id = "string" }
local Fail = domain:command "Fail" { id = "string" }

domain:handle(Begin, function(command, context)
  context:publish(Begun(command), { stream = "Thing-" .. command.id })
end)
domain:handle(Fail, function() error "not now" end)

domain:saga "keeping" {
  key = "id", initial = {}, starts = { "Begun" },
  events = {
    Begun = function(saga, event, context)
      saga.id = event.id
      if event.id == "forward" then
        context:send(Fail(event))
      else
        context:compensate(Fail(event))
      end
      context:timeout("late", 10)
    end,
  },
  timeouts = {
    late = function(saga, context)
      if saga.id == "forward" then context:complete() else context:fail "too late" end
    end,
  },
}

return domain
