-- Beside the commands of shop.lua: loops that do nothing else than what the limits watch over.
local neap = require "neap"
local limits = neap.domain "limits"

local fields = { id = "string", count = "integer" }
limits:event "Looped" (fields)
limits:command "Spin" (fields)
limits:command "Make" (fields)

limits:aggregate "Loop" {
  key = "id",
  initial = {},
  commands = {
    Spin = function(_, command)
      for _ = 1, command.count do end
    end,
    Make = function(_, command)
      for i = 1, command.count do local _ = { i, i } end
    end,
  },
  events = { Looped = function() end },
}

return limits
