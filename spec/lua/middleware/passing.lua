-- A message's way through one middleware, without a runtime: a context whose time passes only when
-- somebody sleeps or a spec says so.

local passing = {}

---@class passing.Context
local Context = {}
Context.__index = Context

function Context:clock()
  return self.seconds
end

function Context:random()
  return self.chance
end

function Context:sleep(seconds)
  self.slept[#self.slept + 1] = seconds
  self.seconds = self.seconds + seconds
  if self.ends and self.seconds >= self.ends then
    return nil, { code = "timeout" }
  end
  return true
end

function Context:remaining()
  return self.ends and math.max(0, self.ends - self.seconds)
end

---@param fields? table
function passing.context(fields)
  local context = {
    kind = "command", name = "Do", meta = {}, command_id = "an id",
    seconds = 100, chance = 0.5, slept = {},
  }
  for key, value in pairs(fields or {}) do context[key] = value end
  return setmetatable(context, Context)
end

---A `next` that gives these outcomes, one after another, the last one again and again: a table with
---`code` is an error. Counts its calls in `calls`.
function passing.next(...)
  local outcomes = { ... }
  return setmetatable({ calls = 0 }, {
    __call = function(self)
      self.calls = self.calls + 1
      local outcome = outcomes[math.min(self.calls, #outcomes)]
      if type(outcome) == "function" then outcome = outcome() end
      if type(outcome) == "table" and outcome.code then return nil, outcome end
      return outcome
    end,
  })
end

---What defining it raises, without the place.
function passing.mistake(make, ...)
  local ok, why = pcall(make, ...)
  assert(not ok, "it was accepted")
  return (tostring(why):gsub("^.-:%d+: ", ""))
end

return passing
