-- One event in three ways: without any condition, by an aggregate by key, and by one by tags.
local neap = require "neap"
local school = neap.domain "bench"

local fields = { course = "string", student = "integer", note = "string" }
local Noted = school:event "Noted" (fields)
local Joined = school:event "Joined" (fields)
local Enrolled = school:event("Enrolled", { tags = { "course", "student" } })(fields)
local Append = school:command "Append" (fields)
school:command "Join" (fields)
school:command "Enrol" (fields)
local Fill = school:command "Fill" { from = "integer", to = "integer" }

school:handle(Append, function(command, context)
  context:publish(Noted(command), { stream = "Note-" .. command.course })
end)

school:aggregate "Course" {
  key = "course",
  initial = { taken = 0 },
  commands = { Join = function(_, command) return Joined(command) end },
  events = { Joined = function(state) state.taken = state.taken + 1 end },
}

school:aggregate "Enrolment" {
  tags = { "course", "student" },
  initial = { taken = 0, courses = 0 },
  commands = { Enrol = function(_, command) return Enrolled(command) end },
  events = {
    Enrolled = function(state, _, about)
      if about.course then state.taken = state.taken + 1 end
      if about.student then state.courses = state.courses + 1 end
    end,
  },
}

-- What lies in the store before: events of the same type, of other courses and students.
school:handle(Fill, function(command, context)
  for i = command.from, command.to do
    context:publish(Enrolled {
      course = "old-" .. i % 10000, student = 1000000 + i % 100000, note = "before",
    }, { stream = "Enrolment-old-" .. i % 10000 })
  end
end)

return school
