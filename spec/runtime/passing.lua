-- Middleware that sleeps, asks again, and narrows the time, as its commands say.
local neap = require "neap"
local spec = neap.domain "passing"

local Done = spec:event "Done" { id = "string" }
spec:command "Do" {
  id = "string", before = "number?", after = "number?", within = "number?", again = "integer?",
}

spec:aggregate "Thing" {
  key = "id",
  commands = { Do = function(_, command)
    if command.id == "no" then return neap.reject("no", "never") end
    return Done { id = command.id }
  end },
  events = { Done = function() end },
}

local closed = 0
spec:answer(spec:query "Closed" {}, function() return closed end)
local metatable = { __close = function() closed = closed + 1 end }

local function attempt(message, context, next)
  local _ <close> = message.within and context:timeout(message.within)
  return next(message, context)
end

spec:use(function(message, context, next)
  if context.kind == "query" then return next(message, context) end
  local _ <close> = setmetatable({}, metatable)
  if message.before then
    local slept, err = context:sleep(message.before)
    if not slept then return nil, err end
  end
  local result, err = attempt(message, context, next)
  for _ = 1, message.again or 0 do
    if result then break end
    context:sleep(1)
    result, err = attempt(message, context, next)
  end
  if message.after then context:sleep(message.after) end
  return result, err
end)

return spec
