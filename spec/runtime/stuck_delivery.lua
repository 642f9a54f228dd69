-- A subscriber whose delivery waits in middleware while another handler hangs in its lane.
local neap = require "neap"
local domain = neap.domain "stuck"

local Added = domain:event "Added" { id = "string" }

domain:use(function(message, context, next) return next(message, context) end)

domain:service("host", function() return {} end)

domain:handle(domain:command "Add" { id = "string" }, function(command, context)
  context:publish(Added(command), { stream = "Thing-" .. command.id })
end)
domain:handle(domain:command "Hang" {}, function(_, context) context.services.host.hang({}) end)

domain:subscriber "patient" {
  retry = { attempts = 10, first_delay = 3600 },
  breaker = { failures = 100 },
  limit = 1,
  events = { Added = function(_, context) assert(context.services.host.try({})) end },
}

return domain
