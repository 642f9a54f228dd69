-- Courses and students: two rules that no single stream can keep.
--   A course has so many seats, and a student takes at most three courses.

local neap = require "neap"
local school = neap.domain "school"

local CourseOpened = school:event("CourseOpened", { tags = { "course" } }) {
  course = "string", seats = "integer",
}
local Enrolled = school:event("Enrolled", { tags = { "course", "student" } }) {
  course = "string", student = "string",
}
local Left = school:event("Left", { tags = { "course", "student" } }) {
  course = "string", student = "string",
}

school:command "OpenCourse" { course = "string", seats = "integer" }
school:command "Enrol" { course = "string", student = "string" }
school:command "Leave" { course = "string", student = "string" }
local GetCourse = school:query "GetCourse" { course = "string" }

local most_courses = 3

school:aggregate "Enrolment" {
  tags = { "course", "student" },
  initial = { open = false, free = 0, courses = 0, enrolled = false },
  commands = {
    OpenCourse = function(state, command)
      if state.open then return neap.reject("open", "the course is open already") end
      return CourseOpened { course = command.course, seats = command.seats }
    end,
    Enrol = function(state, command)
      if not state.open then return neap.reject("no_course", "there is no such course") end
      if state.enrolled then return neap.reject("enrolled", "the student is in that course") end
      if state.free == 0 then return neap.reject("full", "no seat is left") end
      if state.courses >= most_courses then
        return neap.reject("too_many", "a student takes at most " .. most_courses .. " courses")
      end
      return Enrolled { course = command.course, student = command.student }
    end,
    Leave = function(state, command)
      if state.enrolled then
        return Left { course = command.course, student = command.student }
      end
    end,
  },
  events = {
    CourseOpened = function(state, event)
      state.open = true
      state.free = event.seats
    end,
    Enrolled = function(state, _, about)
      if about.course then state.free = state.free - 1 end
      if about.student then state.courses = state.courses + 1 end
      if about.course and about.student then state.enrolled = true end
    end,
    Left = function(state, _, about)
      if about.course then state.free = state.free + 1 end
      if about.student then state.courses = state.courses - 1 end
      if about.course and about.student then state.enrolled = false end
    end,
  },
}

school:answer(GetCourse, function(query, context)
  local course = context:state("Enrolment", { course = query.course })
  return course and { course = query.course, free = course.free }
end)

return school
