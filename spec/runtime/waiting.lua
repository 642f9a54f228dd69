-- Plain handlers that sleep, dispatch and read states, as their commands say.
local neap = require "neap"
local json = require "neap.json"
local spec = neap.domain "waiting"

local Added = spec:event("Added", { tags = { "id", "zone" } }) { id = "string", zone = "string?" }
local Broken = spec:event "Broken" {}
local Done = spec:event "Done" { id = "string", note = "any?" }
local Add = spec:command "Add" { id = "string", zone = "string?" }
local Nest = spec:command "Nest" { id = "string", depth = "integer" }
local Break = spec:command "Break" { id = "string" }
local Do = spec:command "Do" {
  id = "string", before = "number?", add = "string?", again = "integer?", within = "number?",
  after = "number?", hold = "integer?", nest = "string?",
}
local Read = spec:command "Read" { id = "string", zone = "string?" }
spec:command "Zone" { zone = "string" }

spec:aggregate "Thing" {
  key = "id",
  initial = { count = 0 },
  commands = { Add = function(_, command)
    if command.id == "no" then return neap.reject("no", "never") end
    return Added { id = command.id, zone = command.zone }
  end },
  events = { Added = function(thing)
    thing.count = thing.count + 1
    thing[thing.count] = { 0.1 + 0.2, [2.5] = math.mininteger, [true] = neap.null }
    thing.huge, thing.list = math.huge, neap.array {}
  end, Broken = function() error "broken" end },
}

spec:aggregate "Area" {
  tags = { "zone" },
  initial = { count = 0 },
  commands = { Zone = function() end },
  events = { Added = function(area) area.count = area.count + 1 end },
}

local closed = 0
local metatable = { __close = function() closed = closed + 1 end }

spec:handle(Do, function(command, context)
  local _ <close> = setmetatable({}, metatable)
  local held = command.hold and ("x"):rep(command.hold)
  context:publish(Done { id = command.id }, { stream = "Done-" .. command.id })
  if command.before then
    local slept, err = context:sleep(command.before)
    if not slept then return neap.reject("late", err.code) end
  end
  for _ = 1, command.again or 1 do
    if command.add then
      local receipt, err = context:dispatch(Add { id = command.add }, { timeout = command.within })
      if not receipt then return neap.reject(err.code, err.outcome or "none") end
    end
  end
  if command.nest then
    local receipt, err = context:dispatch(Do { id = command.nest, before = 100 },
      { timeout = command.within })
    if not receipt then return neap.reject(err.code, err.outcome or "none") end
  end
  if command.after then context:sleep(command.after) end
  assert(not held or #held == command.hold)
end)

spec:handle(Break, function(command, context)
  context:publish(Broken {}, { stream = "Thing-" .. command.id })
end)

spec:handle(Nest, function(command, context)
  if command.depth > 0 then
    assert(context:dispatch(Nest { id = command.id, depth = command.depth - 1 }))
  end
  local done = Done { id = command.id, note = command.depth }
  context:publish(done, { stream = "Done-" .. command.id })
end)

spec:handle(Read, function(command, context)
  local state = context:state("Thing", command.id)
  if not state then return neap.reject("missing", "no such thing") end
  local first = state[1]
  assert(math.type(state.count) == "integer" and first[1] == 0.1 + 0.2)
  assert(first[2.5] == math.mininteger and first[true] == neap.null and state.huge == math.huge)
  assert(json.encode(state.list) == "[]")
  state.count = -1
  local area = context:state("Area", { zone = command.zone or "nowhere" })
  context:publish(Done { id = command.id, note = { #state, area and area.count or -1 } },
    { stream = "Done-" .. command.id })
end)

spec:answer(spec:query "Closed" {}, function(_, context)
  context:sleep(0)
  return closed
end)

return spec
