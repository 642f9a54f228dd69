-- Aggregates by tags: students enrol in courses, and two rules look at more than one stream.

local domains = require "spec.lua.domains"

local courses = [[
local neap = require "neap"
local school = neap.domain "school"

local Opened   = school:event("Opened", { tags = { "course" } })
  { course = "string", seats = "integer" }
local Enrolled = school:event("Enrolled", { tags = { "course", "student" } })
  { course = "string", student = "integer" }
local Left     = school:event("Left", { tags = { "student", "course" } })
  { course = "string", student = "integer" }
local Renamed  = school:event("Renamed", { tags = { "course" } }) { course = "string" }
school:command "Open"   { course = "string", seats = "integer" }
school:command "Enrol"  { course = "string", student = "integer" }
school:command "Leave"  { course = "string", student = "integer" }
school:command "Stray"  { course = "string" }
local Rename = school:command "Rename" { course = "string" }
local About  = school:query "About" { course = "string", student = "integer?" }

school:aggregate "Enrolment" {
  tags = { "course", "student" },
  initial = function(about)
    return { open = false, seats = 0, courses = 0, enrolled = false, of = about }
  end,
  commands = {
    Open = function(state, command)
      if state.open then return neap.reject("open", "the course is open already") end
      return Opened(command)
    end,
    Enrol = function(state, command)
      if not state.open then return neap.reject("closed", "there is no such course") end
      if state.enrolled then return neap.reject("twice", "enrolled already") end
      if state.seats == 0 then return neap.reject("full", "no seat is left") end
      if state.courses == 2 then return neap.reject("busy", "two courses are enough") end
      return Enrolled(command)
    end,
    Leave = function(state, command)
      if state.enrolled then return Left(command) end
    end,
    Stray = function() return Opened { course = "other", seats = 1 } end,
  },
  events = {
    Opened = function(state, event) state.open, state.seats = true, event.seats end,
    Enrolled = function(state, event, about)
      if about.course then state.seats = state.seats - 1 end
      if about.student then state.courses = state.courses + 1 end
      if about.course and about.student then state.enrolled = true end
    end,
    Left = function(state, event, about)
      if about.course then state.seats = state.seats + 1 end
      if about.student then state.courses = state.courses - 1 end
      if about.course and about.student then state.enrolled = false end
    end,
  },
  snapshot = { every = 3 },
}

school:handle(Rename, function(command, context)
  context:publish(Renamed { course = command.course }, { stream = "Course-" .. command.course })
  context:publish(Enrolled { course = command.course, student = 99 }, { stream = "Import-1" })
end)

school:answer(About, function(query, context) return context:state("Enrolment", query) end)

return school
]]

local function open(options)
  return assert(domains.open(courses, options))
end

-- A domain of its own, whose definitions are given.
local function open_other(definitions, options)
  return assert(domains.open("local neap = require 'neap'\nlocal domain = neap.domain 'other'\n"
    .. definitions .. "\nreturn domain", options))
end

local function code(_, err)
  return err and err.code
end

local function temporary_store()
  local path = os.tmpname()
  os.remove(path)
  return path, "sqlite:" .. path
end

local function remove_store(path)
  for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do
    os.remove(path .. ending)
  end
end

describe("an aggregate by tags", function()
  it("decides on all events that carry one of its tags, in whatever stream", function()
    local runtime <close> = open()
    for _, course in ipairs { "a", "b", "c" } do
      assert(runtime:dispatch("Open", { course = course, seats = 2 }))
    end
    assert(runtime:dispatch("Enrol", { course = "a", student = 1 }))
    assert.equal("twice", code(runtime:dispatch("Enrol", { course = "a", student = 1 })))
    assert(runtime:dispatch("Enrol", { course = "a", student = 2 }))
    assert.equal("full", code(runtime:dispatch("Enrol", { course = "a", student = 3 })))
    assert(runtime:dispatch("Enrol", { course = "b", student = 1 }))
    assert.equal("busy", code(runtime:dispatch("Enrol", { course = "c", student = 1 })))
    assert(runtime:dispatch("Leave", { course = "a", student = 1 }))
    assert(runtime:dispatch("Enrol", { course = "a", student = 3 }))
    assert(runtime:dispatch("Enrol", { course = "c", student = 1 }))
    assert.equal("closed", code(runtime:dispatch("Enrol", { course = "d", student = 1 })))
  end)

  it("records in the stream of its first tag", function()
    local runtime <close> = open()
    local receipt = assert(runtime:dispatch("Open", { course = "a", seats = 2 }))
    assert.equal("Enrolment-a", receipt.stream)
    receipt = assert(runtime:dispatch("Enrol", { course = "a", student = 1 }))
    assert.same({ "Enrolment-a", 2, 2 }, { receipt.stream, receipt.version, receipt.position })
    local tags = {}
    for event in runtime:events { stream = "Enrolment-a", from = 2 } do
      tags = event.tags
    end
    assert.same({ "course:a", "student:1" }, tags)
  end)

  it("gives a receipt of the stream when it decides nothing", function()
    local runtime <close> = open()
    assert(runtime:dispatch("Open", { course = "a", seats = 2 }))
    local receipt = assert(runtime:dispatch("Leave", { course = "a", student = 1 }))
    assert.same({ "Enrolment-a", 1, 1, 0 },
      { receipt.stream, receipt.version, receipt.position, #receipt.events })
  end)

  it("has a state as of now, and as of a position", function()
    local runtime <close> = open()
    assert(runtime:dispatch("Open", { course = "a", seats = 2 }))
    assert(runtime:dispatch("Enrol", { course = "a", student = 1 }))
    local of = { course = "a", student = 1 }
    assert.same({ open = true, seats = 1, courses = 1, enrolled = true, of = of },
      runtime:state("Enrolment", of))
    assert.same({ open = true, seats = 2, courses = 0, enrolled = false, of = of },
      runtime:state("Enrolment", of, 1))
    assert.same({ open = true, seats = 1, courses = 0, enrolled = false, of = { course = "a" } },
      runtime:state("Enrolment", { course = "a" }))
    assert.same({ open = true, seats = 1, courses = 0, enrolled = false, of = { course = "a" } },
      runtime:query("About", { course = "a" }))
    local _, err = runtime:state("Enrolment", of, 7)
    assert.equal("unknown", err.code)
    assert.equal('Enrolment{"course":"a","student":"1"} has no position 7: the store\'s last is 2',
      err.message)
    _, err = runtime:state("Enrolment", { course = "none" })
    assert.equal('Enrolment{"course":"none"} does not exist', err.message)
  end)

  it("says how an instance is named", function()
    local runtime <close> = open()
    local problems = {
      ["Enrolment is an aggregate by tags: expected a JSON object of their values, as "
        .. '{"course":"…"}, got a'] = "a",
      ["Enrolment needs the tag 'course'; each tag is a text or an integer"] = { student = 1 },
      ["Enrolment has no tag 'curse'"] = { curse = "a" },
      ["course: is empty, expected the id of a Enrolment"] = { course = "" },
      ["course: a tag of Enrolment is a text or an integer"] = { course = { "a" } },
      ["student: a tag of Enrolment is a text or an integer"] = { course = "a", student = 1.5 },
      ["course: a member appears twice (line 1, column 15)"] = '{"course":"a","course":"b"}',
    }
    for message, id in pairs(problems) do
      local _, err = runtime:state("Enrolment", id)
      assert.equal(message, err.message)
      assert.equal("invalid", err.code)
    end
  end)

  it("is named by JSON however that is written", function()
    local runtime <close> = open()
    assert(runtime:dispatch("Open", { course = "ä", seats = 2 }))
    local state = assert(runtime:state("Enrolment", '{ "\\u0063ourse" : "\\u00e4" }'))
    assert.equal(2, state.seats)
  end)

  it("refuses an event whose tag cannot be one where it is published", function()
    local runtime <close> = open_other [[
local Made = domain:event("Made", { tags = { "id" } }) { id = "string" }
domain:handle(domain:command "Make" { id = "string" }, function(command, context)
  context:publish(Made(command), { stream = "Import-1" })
end)]]
    local _, err = runtime:dispatch("Make", { id = "a\nb" })
    assert.equal("handler", err.code)
    assert.truthy(err.message:find("domain.lua:5: event 'Made': a tag contains a control character",
      1, true), err.message)
  end)

  it("sees what plain handlers published", function()
    local runtime <close> = open()
    assert(runtime:dispatch("Open", { course = "a", seats = 2 }))
    assert(runtime:dispatch("Enrol", { course = "a", student = 1 }))
    assert(runtime:dispatch("Rename", { course = "a" }))
    assert.equal("full", code(runtime:dispatch("Enrol", { course = "a", student = 2 })))
  end)

  it("is named by tags of the command's types only", function()
    local runtime <close> = open()
    local _, err = runtime:dispatch("Enrol", { course = "a", student = "1" })
    assert.same({ "invalid", "student" }, { err.code, err.path })
    _, err = runtime:dispatch("Enrol", { student = 1 })
    assert.same({ "invalid", "course" }, { err.code, err.path })
    _, err = runtime:dispatch("Enrol", { course = ("x"):rep(600), student = 1 })
    assert.same({ "invalid", "course" }, { err.code, err.path })
  end)

  it("cannot decide what it would never see again", function()
    local runtime <close> = open()
    local _, err = runtime:dispatch("Stray", { course = "a" })
    assert.equal("handler", err.code)
    assert.truthy(err.message:find("the handler of 'Stray' decided 'Opened', which has none of the "
      .. 'tags that it was decided by: {"course":"a"}', 1, true), err.message)
    assert(runtime:dispatch("Open", { course = "a", seats = 1 }))
    assert.equal(1, assert(runtime:state("Enrolment", { course = "a" })).seats)
  end)

  it("keeps an idempotency key also for nothing", function()
    local runtime <close> = open()
    assert(runtime:dispatch("Open", { course = "a", seats = 2 }, { idempotency_key = "k" }))
    local again = assert(runtime:dispatch("Open", { course = "a", seats = 2 },
      { idempotency_key = "k" }))
    assert.is_true(again.repeated)
    local leave = { course = "a", student = 1 }
    local first = assert(runtime:dispatch("Leave", leave, { idempotency_key = "l" }))
    assert(runtime:dispatch("Enrol", leave))
    local second = assert(runtime:dispatch("Leave", leave, { idempotency_key = "l" }))
    assert.same({ true, first.version, first.position },
      { second.repeated, second.version, second.position })
  end)

  it("lets none of many concurrent commands through that should not", function()
    local runtime <close> = open()
    for course = 1, 5 do
      assert(runtime:dispatch("Open", { course = "c" .. course, seats = 7 }))
    end
    local pending = {}
    for i = 1, 2000 do
      pending[i] = assert(runtime:send("Enrol",
        { course = "c" .. (i * 7 % 5 + 1), student = i * 13 % 40 }))
    end
    local enrolled = 0
    for _, each in ipairs(pending) do
      local receipt, err = each:wait()
      enrolled = enrolled + (receipt and 1 or 0)
      assert.truthy(receipt or err.status == "rejected", tostring(err))
    end
    local seats, taken, of_course, of_student = 0, 0, {}, {}
    for event in runtime:events {} do
      if event.type == "Opened" then
        seats = seats + event.data.seats
      else
        local course, student = event.data.course, event.data.student
        taken = taken + 1
        of_course[course] = (of_course[course] or 0) + 1
        of_student[student] = (of_student[student] or 0) + 1
        assert.is_true(of_course[course] <= 7 and of_student[student] <= 2)
      end
    end
    assert.same({ 35, 35 }, { taken, enrolled })
    assert.equal(35, seats)
  end)

  it("decides those that share a tag in the order in which they came", function()
    local path, store = temporary_store()
    local runtime <close> = open_other([[
local Made = domain:event("Made", { tags = { "a", "b" } })
  { a = "integer", b = "integer?", number = "integer" }
domain:command "Make" { a = "integer", b = "integer?", number = "integer" }
domain:aggregate "Thing" {
  tags = { "a", "b" },
  commands = { Make = function(_, command) return Made(command) end },
  events = { Made = function() end },
}]], { store = store })
    for number = 1, 2000 do
      local a, b = number * number % 7, number * number % 11 % 4
      assert(runtime:send("Make", { a = a, b = b > 0 and b or nil, number = number }))
    end
    assert(runtime:drain())
    local last, count = {}, 0
    for event in runtime:events {} do
      for _, tag in ipairs(event.tags) do
        assert.is_true(event.data.number > (last[tag] or 0), tag)
        last[tag] = event.data.number
      end
      count = count + 1
    end
    assert.equal(2000, count)
    remove_store(path)
  end)

  it("is asked for without being folded again, if it is warm", function()
    local runtime <close> = open_other [[
local folded = 0
local Made = domain:event("Made", { tags = { "id" } }) { id = "string" }
domain:command "Make" { id = "string" }
local Import = domain:command "Import" { id = "string" }
domain:handle(Import, function(command, context)
  context:publish(Made(command), { stream = "Import-1" })
end)
domain:aggregate "Thing" {
  tags = { "id" },
  initial = { made = 0 },
  commands = { Make = function(_, command) return Made(command) end },
  events = { Made = function(state)
    state.made, folded = state.made + 1, folded + 1
  end },
}
domain:answer(domain:query "Count" { id = "string" }, function(query, context)
  return { made = context:state("Thing", query).made, folded = folded }
end)]]
    for _ = 1, 20 do
      assert(runtime:dispatch("Make", { id = "a" }))
    end
    for _ = 1, 3 do
      assert.same({ made = 20, folded = 20 }, runtime:query("Count", { id = "a" }))
    end
    assert(runtime:dispatch("Import", { id = "a" }))
    assert.same({ made = 21, folded = 21 }, runtime:query("Count", { id = "a" }))
    assert(runtime:dispatch("Make", { id = "a" }))
    assert.same({ made = 22, folded = 22 }, runtime:query("Count", { id = "a" }))
  end)

  it("gets snapshots while one command comes after the other", function()
    local path, store = temporary_store()
    local runtime <close> = open_other([[
local Made = domain:event("Made", { tags = { "id" } }) { id = "string" }
domain:command "Make" { id = "string" }
domain:aggregate "Thing" {
  tags = { "id" },
  commands = { Make = function(_, command) return Made(command) end },
  events = { Made = function() end },
  snapshot = { every = 10, keep = 100 },
}]], { store = store })
    for _ = 1, 200 do
      assert(runtime:send("Make", { id = "a" }))
    end
    assert(runtime:drain())
    assert.is_true(assert(runtime:stats()).snapshots >= 18)
    remove_store(path)
  end)

  it("gets no snapshot of what is decided once", function()
    local runtime <close> = open_other [[
local Made = domain:event("Made", { tags = { "of", "id" } }) { of = "string", id = "integer" }
domain:command "Make" { of = "string", id = "integer" }
domain:aggregate "Thing" {
  tags = { "of", "id" },
  commands = { Make = function(_, command) return Made(command) end },
  events = { Made = function() end },
  snapshot = { every = 2 },
}]]
    for id = 1, 50 do
      assert(runtime:dispatch("Make", { of = "all", id = id }))
    end
    assert.equal(0, assert(runtime:stats()).snapshots)
    assert(runtime:dispatch("Make", { of = "all", id = 1 }))
    assert.is_true(assert(runtime:stats()).snapshots >= 1)
  end)

  it("keeps a state that is folded while memory runs short", function()
    local runtime <close> = open_other([[
local Filled = domain:event("Filled", { tags = { "id" } }) { id = "string", times = "integer" }
domain:command "Fill" { id = "string", times = "integer" }
domain:command "Look" { id = "string" }
local Import = domain:command "Import" { id = "string", times = "integer" }
domain:handle(Import, function(command, context)
  context:publish(Filled(command), { stream = "Import-1" })
end)
domain:aggregate "Tank" {
  tags = { "id" },
  initial = function(about) return { id = about.id, total = 0, all = {} } end,
  commands = {
    Fill = function(_, command) return Filled(command) end,
    Look = function(state) return neap.reject("seen", state.id .. " " .. state.total) end,
  },
  events = { Filled = function(state, event)
    state.total = state.total + event.times
    for i = 1, event.times do state.all[i] = ('x'):rep(4096) .. i end
  end },
}]], { lane_memory_bytes = 16 * 1024 * 1024 })
    assert(runtime:dispatch("Fill", { id = "other", times = 2000 }))
    assert(runtime:dispatch("Fill", { id = "this", times = 1 }))
    assert(runtime:dispatch("Import", { id = "this", times = 2600 }))
    assert(runtime:dispatch("Fill", { id = "this", times = 1 }))
    assert(runtime:dispatch("Fill", { id = "third", times = 1 }))
    assert(runtime:dispatch("Fill", { id = "fourth", times = 1 }))
    for id, total in pairs { this = 2602, third = 1, fourth = 1 } do
      local _, seen = runtime:dispatch("Look", { id = id })
      assert.equal(id .. " " .. total, seen.message)
    end
  end)

  it("goes on where it was, from a snapshot too", function()
    local path, store = temporary_store()
    do
      local runtime <close> = open { store = store }
      assert(runtime:dispatch("Open", { course = "a", seats = 20 }))
      for student = 1, 10 do
        assert(runtime:dispatch("Enrol", { course = "a", student = student }))
        assert(runtime:dispatch("Leave", { course = "a", student = student }))
      end
      for _ = 1, 3 do
        assert(runtime:dispatch("Enrol", { course = "a", student = 1 }))
        assert(runtime:dispatch("Leave", { course = "a", student = 1 }))
      end
    end
    local runtime <close> = open { store = store }
    assert(runtime:dispatch("Enrol", { course = "a", student = 1 }))
    local state = assert(runtime:state("Enrolment", { course = "a", student = 1 }))
    assert.same({ 19, 1, true }, { state.seats, state.courses, state.enrolled })
    remove_store(path)
  end)
end)
