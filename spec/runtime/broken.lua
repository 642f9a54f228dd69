-- One command that never ends, beside one that does.

local neap = require "neap"
local spec = neap.domain "broken"

local Done = spec:event "Done" { id = "string" }
spec:command "Do"   { id = "string" }
spec:command "Loop" { id = "string" }

spec:aggregate "Thing" {
  key = "id",
  commands = {
    Do = function(_, command) return Done { id = command.id } end,
    Loop = function() while true do pcall(error) end end,
  },
  events = { Done = function() end },
}

return spec
