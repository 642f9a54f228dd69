-- A little of everything that goes through a runtime.
local neap = require "neap"
local domain = neap.domain "allocation"

local Added = domain:event "Added" { id = "string", n = "integer" }
local Noted = domain:event "Noted" { id = "string", text = "string" }
local Claimed = domain:event("Claimed", { formerly = { "Named", "Called" } }) { name = "string" }
Claimed:upcast(function(data) return data end)
domain:retired("Renamed", function(data) return Claimed { name = data.name } end)
local Enrolled = domain:event("Enrolled", { tags = { "course", "student" } }) {
  course = "string", student = "string",
}
local Add = domain:command "Add" { id = "string", n = "integer", twice = "boolean?" }
domain:command "Touch" { id = "string" }
local Note = domain:command "Note" { id = "string", text = "string" }
local Both = domain:command "Both" { id = "string", n = "integer" }
local Claim = domain:command "Claim" { name = "string" }
domain:command "Enrol" { course = "string", student = "string" }
domain:command "Pay" { id = "string", n = "integer" }
local Total = domain:query "Total" { id = "string" }
domain:query "Ask" { id = "string" }

domain:aggregate "Counter" {
  key = "id",
  initial = { total = 0, log = {} },
  commands = {
    Add = function(counter, command)
      if counter.total + command.n > 100 then
        return neap.reject("full", "the counter is full", { total = counter.total })
      end
      local added = Added { id = command.id, n = command.n }
      if command.twice then return added, Added { id = command.id, n = command.n } end
      return added
    end,
    Touch = function() end,
  },
  events = {
    Added = function(counter, event)
      counter.total = counter.total + event.n
      counter.log[#counter.log + 1] = event.n
    end,
    Noted = function(counter, event) counter.note = event.text end,
  },
  snapshot = { every = 3 },
}

domain:aggregate "Enrolment" {
  tags = { "course", "student" },
  initial = { seats = 0, courses = 0 },
  commands = {
    Enrol = function(state, command)
      if state.seats >= 3 then return neap.reject("full", "no seat is left") end
      return Enrolled { course = command.course, student = command.student }
    end,
  },
  events = {
    Enrolled = function(state, _, about)
      if about.course then state.seats = state.seats + 1 end
      if about.student then state.courses = state.courses + 1 end
    end,
  },
  snapshot = { every = 2 },
}

domain:service("paper", function(config)
  return { lined = function(text) return (config and config.mark or "- ") .. text end }
end)

domain:handle(Note, function(command, context)
  local text = context.services.paper.lined(command.text)
  local written, err = context.services.pen.write(text)
  if err then return neap.reject(err.code, err.message) end
  local noted = Noted { id = command.id, text = written }
  context:publish(noted, { stream = "Counter-" .. command.id })
end)

domain:handle(Both, function(command, context)
  local first, err = context:dispatch(Add { id = command.id, n = command.n })
  if not first then return neap.reject(err.code, err.message) end
  assert(context:sleep(0))
  context:publish(Noted { id = command.id, text = "both" }, { stream = "Counter-" .. command.id })
  assert(context:dispatch("Pay", { id = command.id, n = 1 })) -- the host's own
  local fields = { id = command.id, n = assert(context:query(Total { id = command.id })).total }
  assert(context:dispatch("Add", fields, { idempotency_key = "both-" .. command.id }))
end)

domain:handle(Claim, function(command, context)
  local claimed = Claimed { name = command.name }
  context:publish(claimed, { stream = "Claim-" .. command.name, expected = 0 })
end)

domain:answer(Total, function(query, context)
  local counter = context:state("Counter", query.id)
  return { total = counter and counter.total or 0, note = counter and counter.note }
end)

return domain
