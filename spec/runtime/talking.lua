local neap = require "neap"
local domain = neap.domain "talking"

local Said = domain:event "Said" { id = "string" }
domain:command "Say" { id = "string" }

domain:aggregate "Speaker" {
  key = "id",
  initial = {},
  commands = {
    Say = function(_, command)
      if command.id == "no" then return neap.reject("silent", "it does not speak") end
      if command.id == "bad" then error "broken" end
      print("saying " .. command.id)
      return Said(command)
    end,
  },
  events = { Said = function() end },
}

return domain
