-- Another domain each time that it is loaded.
local neap = require "neap"
local domain = neap.domain "unlike"

local name = "Thing" .. tostring({}):match("%x+$")
local Done = domain:event "Done" {}
domain:command("Do" .. name) { id = "string" }
domain:aggregate(name) {
  key = "id",
  commands = { ["Do" .. name] = function() return Done {} end },
  events = { Done = function() end },
}

return domain
