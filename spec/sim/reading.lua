-- The read side of the world, as a function that adds it: projections that keep documents, whole
-- and in parts, subscribers that fail when the host's service does, sagas that go well and that go
-- wrong. What comes of it can be checked from the log alone.
local neap = require "neap"

local function fold(doc, event)
  doc.count = (doc.count or 0) + 1
  doc.digest = ((doc.digest or 0) * 31 + event.op) % 1000003
end

local function projections(world)
  local function deposited(doc, event)
    fold(doc, event)
    doc.balance = (doc.balance or 0) + event.amount
  end
  local function withdrawn(doc, event)
    fold(doc, event)
    doc.balance = (doc.balance or 0) - event.amount
  end
  local events = { Deposited = deposited, Withdrawn = withdrawn }
  world:projection "totals" { key = "account", events = events }
  world:projection "parts" { key = "account", partitions = 3, events = events }
  world:projection "held" { key = "account", inline = true, events = events }
  world:projection "asked" { key = "account", live = true, events = events }

  -- Two documents of each event, which go when they have five.
  local function both(event) return event.course, event.student end
  local function five(doc, event)
    fold(doc, event)
    if doc.count == 5 then return neap.delete end
  end
  world:projection "pairs" {
    key = { Enrolled = both, Left = both },
    partitions = 2,
    events = { Enrolled = five, Left = five },
  }
end

local function subscribers(world)
  local function hear(who)
    return function(_, context)
      local event = context.event
      if event.position % 4 == 0 then context:sleep(0.002) end
      assert(context.services.ear.hear {
        who = who, position = event.position, stream = event.stream, version = event.version,
      })
    end
  end
  local quick = { attempts = 2, first_delay = 0.01, max_delay = 0.1 }

  local ear = hear "ear"
  world:subscriber "ear" {
    events = { Deposited = ear, Withdrawn = ear }, partitions = 2, retry = quick,
  }
  world:subscriber "strict" {
    handle = hear "strict", types = { "Claimed", "Noted" }, on_failure = "stop", retry = quick,
  }
  world:subscriber "scribe" {
    handle = hear "scribe", categories = { "Enrolment", "Errand" }, partitions = 3,
    retry = { attempts = 4, first_delay = 0.001, max_delay = 1 },
  }

  local Echoed = world:event "Echoed" { id = "string", op = "integer" }
  local Echo = world:command "Echo" { id = "string", op = "integer" }
  world:aggregate "Echo" {
    key = "id",
    initial = {},
    commands = { Echo = function(_, command) return Echoed(command) end },
    events = { Echoed = function(state) state.done = true end },
  }
  local before = hear "echo"
  local function echo(event, context)
    before(event, context)
    local position = context.event.position
    context:send(Echo { id = tostring(position), op = 3000000 + position })
  end
  world:subscriber "echo" { events = { Enrolled = echo, Left = echo }, retry = quick }
end

local errand = { id = "string", how = "string", op = "integer" }
local step = {
  id = "string", how = "string", op = "integer", what = "string", refused = "boolean?",
}

-- Of one errand each step is in one stream, once.
local function errands(world)
  local Started = world:event "Started" (errand)
  world:command "Start" (errand)
  local Went = world:event "Went" { id = "string", how = "string", op = "integer", what = "string" }
  local Go, Try = world:command "Go" (step), world:command "Try" (step)
  local function go(_, command)
    if command.refused then return neap.reject("refused", "it is refused") end
    return Went { id = command.id, how = command.how, op = command.op, what = command.what }
  end
  world:aggregate "Errand" {
    key = "id",
    initial = {},
    commands = {
      Start = function(state, command)
        if state.started then return neap.reject("started", "it has begun") end
        return Started(command)
      end,
      Go = go,
      Try = go,
    },
    events = {
      Started = function(state) state.started = true end,
      Went = function(state, event) state.last = event.what end,
    },
  }

  local function to(event, what, refused)
    return {
      id = event.id, how = event.how, op = event.op, what = what, refused = refused or nil,
    }
  end
  local raised = 0 -- in this lane; no fold is meant to have such a thing

  local on = {
    took = function(_, event, context)
      if event.how == "late" then return end
      if event.how == "raises" then
        raised = raised + 1
        if raised % 3 ~= 0 then error "not today" end
      end
      context:compensate(Go(to(event, "second", event.how == "stuck")))
      if event.how == "declined" or event.how == "stuck" then
        context:send(Try(to(event, "finish", true)))
      else
        context:send(Go(to(event, "finish", event.how == "refused")), { after = 0.01 })
      end
    end,
    finish = function(_, _, context) context:complete() end,
    ta = function(_, _, context) context:complete() end,
  }
  local function timer(name)
    return function(saga, context) context:send(Go(to(saga, name))) end
  end
  world:saga "errand" {
    key = "id",
    initial = {},
    partitions = 2,
    starts = { "Started" },
    events = {
      Started = function(saga, event, context)
        saga.id, saga.how, saga.op = event.id, event.how, event.op
        if event.how == "timers" then
          context:timeout("ta", 0.03)
          context:timeout("tb", 0.01)
          context:timeout("tc", 0.02)
          return
        end
        context:send(Go(to(event, "took")))
        context:compensate(Go(to(event, "first")))
        context:timeout("late", event.how == "late" and 0.05 or 30 * 86400)
      end,
      Went = function(saga, event, context)
        local done = on[event.what]
        if done then done(saga, event, context) end
      end,
    },
    timeouts = {
      late = function(_, context) context:fail "it took too long" end,
      ta = timer "ta", tb = timer "tb", tc = timer "tc",
    },
    rejections = {
      Try = function(_, rejection, context) context:fail(rejection.code) end,
    },
  }
end

return function(world)
  projections(world)
  subscribers(world)
  errands(world)
  return world
end
