-- Subscribers that are held back, tried again and given up, as a service of the host wants it.

local neap = require "neap"
local spec = neap.domain "spec"

local Happened = spec:event "Happened" { id = "string", n = "integer" }
local Do = spec:command "Do" { id = "string", n = "integer" }

spec:handle(Do, function(command, context)
  context:publish(Happened(command), { stream = "Thing-" .. command.id })
end)

local function ask(event, context)
  local _, err = context.services.world.act { id = event.id, n = event.n }
  if err then error(err) end
end

spec:subscriber "guarded" {
  events = { Happened = ask },
  retry = { attempts = 4, first_delay = 0.1, factor = 1, jitter = 0 },
  breaker = { failures = 3, open_for = 10, probes = 1, on = { "unavailable", "handler" } },
}

spec:subscriber "limited" {
  events = { Happened = function(event, context)
    context.services.world.begin(event.id)
    context:sleep(1)
    context.services.world.finish(event.id)
  end },
  partitions = 8,
  limit = 2,
}

spec:subscriber "hasty" {
  events = { Happened = function(event, context)
    context.services.world.try(event.n)
    if event.n == 7 then context:sleep(60) end -- it does not look at what that gives
  end },
  retry = { attempts = 2, first_delay = 0.1, jitter = 0 },
  timeout = 2,
}

return spec
