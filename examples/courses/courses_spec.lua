-- What the school decides. Run it with `neap spec examples/courses`, or with busted in Lua 5.4.

local spec = require "neap.spec"
local school = spec.domain "courses.lua"
local CourseOpened, Enrolled, Left = school.CourseOpened, school.Enrolled, school.Left
local Enrol, Leave = school.Enrol, school.Leave

local logic = CourseOpened { course = "logic", seats = 1 }
local music = CourseOpened { course = "music", seats = 9 }

describe("a student", function()
  it("enrols in a course with a free seat", function()
    school:given { logic }
      :when(Enrol { course = "logic", student = "ada" })
      :expect(spec.on("Enrolment-logic", Enrolled { course = "logic", student = "ada" }))
      :expect_answer({ "GetCourse", { course = "logic" } }, { course = "logic", free = 0 })
  end)

  it("finds a full course closed, until somebody leaves", function()
    school:given { logic, Enrol { course = "logic", student = "ada" } }
      :when(Enrol { course = "logic", student = "bob" })
      :expect_rejection("full", "no seat is left")
      :when(Leave { course = "logic", student = "ada" })
      :expect(Left { course = "logic", student = "ada" })
      :when(Enrol { course = "logic", student = "bob" })
      :expect(Enrolled { course = "logic", student = "bob" })
  end)

  it("takes at most three courses", function()
    local history = { music }
    for _, course in ipairs { "a", "b", "c" } do
      history[#history + 1] = CourseOpened { course = course, seats = 9 }
      history[#history + 1] = Enrolled { course = course, student = "ada" }
    end
    school:given(history)
      :when(Enrol { course = "music", student = "ada" })
      :expect_rejection "too_many"
      :expect_state("Enrolment", { course = "music", student = "ada" },
        { open = true, free = 9, courses = 3, enrolled = false })
      :when(Leave { course = "music", student = "ada" })
      :expect_nothing()
  end)
end)
