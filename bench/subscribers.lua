-- Subscribers beside each other: one that does next to nothing, and others in its way.
local neap = require "neap"
local domain = neap.domain "subscribers"

domain:event "Ticked" { n = "integer" }

local count = 0
domain:subscriber "quick" { events = { Ticked = function() count = count + 1 end } }
domain:subscriber "failing" { events = { Ticked = function() error "it always fails" end } }
domain:subscriber "hasty" {
  events = { Ticked = function() error "it fails, and is not tried again" end },
  retry = { attempts = 1 },
}
domain:subscriber "sleeping" {
  events = { Ticked = function(_, context) context:sleep(0.01) end },
}

return domain
