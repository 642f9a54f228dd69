-- Services that the host gives in C, beside one of the domain's.
local neap = require "neap"
local spec = neap.domain "services"

local Noted = spec:event "Noted" { text = "any?" }
local Note = spec:command "Note" { service = "string", name = "string", value = "any?" }

spec:service("clock", function(config)
  local zone = config.module and require(config.module) or config.zone
  return { zone = function() return zone end }
end)

spec:handle(Note, function(command, context)
  local text, err = context.services[command.service][command.name](command.value)
  if err then return neap.reject(err.code, err.message, err.details) end
  context:publish(Noted { text = text }, { stream = "Notes-1" })
end)

return spec
