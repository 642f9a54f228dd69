-- A small world whose rules can be checked from the log alone: accounts that never hold less than
-- nothing, courses with few seats, topics that are claimed once. Each command has a number, `op`,
-- that its events carry, and each state says how many events it was folded from, and which.
local neap = require "neap"
local world = neap.domain "world"

---A number that differs for different events, or another order of them.
local function digest(state, event)
  state.count = state.count + 1
  state.digest = (state.digest * 31 + event.op) % 1000003
end

-- Accounts, by key.

local account = { account = "string", amount = "integer", op = "integer" }
local Deposited = world:event "Deposited" (account)
local Withdrawn = world:event "Withdrawn" (account)
world:command "Deposit" (account)
world:command "Withdraw" (account)
world:command "Halve" (account)
world:command "Break" (account)
world:command "Spoil" (account)
local GetAccount = world:query "GetAccount" { account = "string" }

local function without(state, amount)
  if state.balance < amount then
    return neap.reject("too_little", "the account holds less", {
      balance = state.balance, count = state.count, digest = state.digest,
    })
  end
end

world:aggregate "Account" {
  key = "account",
  initial = { balance = 0, count = 0, digest = 0 },
  commands = {
    Deposit = function(_, command) return Deposited(command) end,
    Withdraw = function(state, command)
      return without(state, command.amount) or Withdrawn(command)
    end,
    -- Nothing, or two events.
    Halve = function(state, command)
      local half = state.balance // 2
      if half == 0 then return end
      local taken = Withdrawn { account = command.account, amount = half, op = command.op }
      return taken, Deposited { account = command.account, amount = 1, op = command.op }
    end,
    Break = function(state) error("broken at " .. state.count) end,
    -- Its fold fails, when the state has been changed already.
    Spoil = function(_, command)
      return Deposited { account = command.account, amount = -1, op = command.op }
    end,
  },
  events = {
    Deposited = function(state, event)
      digest(state, event)
      if event.amount < 0 then error("a deposit of less than nothing") end
      state.balance = state.balance + event.amount
    end,
    Withdrawn = function(state, event)
      digest(state, event)
      state.balance = state.balance - event.amount
    end,
  },
  snapshot = { every = 4, keep = 2 },
}

world:answer(GetAccount, function(query, context)
  return context:state("Account", query.account) or { balance = 0, count = 0, digest = 0 }
end)

-- Courses and students, by tags.

local Enrolled = world:event("Enrolled", { tags = { "course", "student" } }) {
  course = "string", student = "string", op = "integer",
}
local Left = world:event("Left", { tags = { "course", "student" } }) {
  course = "string", student = "string", op = "integer",
}
local pair = { course = "string", student = "string", op = "integer" }
world:command "Enrol" (pair)
world:command "Leave" (pair)

local SEATS, COURSES = 3, 2

local function refuse(code, state)
  return neap.reject(code, "not now", {
    seats = state.seats, courses = state.courses, count = state.count, digest = state.digest,
  })
end

world:aggregate "Enrolment" {
  tags = { "course", "student" },
  initial = { seats = 0, courses = 0, enrolled = false, count = 0, digest = 0 },
  commands = {
    Enrol = function(state, command)
      if state.enrolled then return end
      if state.seats >= SEATS then return refuse("full", state) end
      if state.courses >= COURSES then return refuse("busy_student", state) end
      return Enrolled(command)
    end,
    Leave = function(state, command)
      if not state.enrolled then return refuse("not_there", state) end
      return Left(command)
    end,
  },
  events = {
    Enrolled = function(state, event, about)
      digest(state, event)
      if about.course then state.seats = state.seats + 1 end
      if about.student then state.courses = state.courses + 1 end
      if about.course and about.student then state.enrolled = true end
    end,
    Left = function(state, event, about)
      digest(state, event)
      if about.course then state.seats = state.seats - 1 end
      if about.student then state.courses = state.courses - 1 end
      if about.course and about.student then state.enrolled = false end
    end,
  },
  snapshot = { every = 3 },
}

-- What belongs to no aggregate.

local Claimed = world:event "Claimed" { topic = "string", op = "integer" }
local Noted = world:event "Noted" { topic = "string", op = "integer" }
local Claim = world:command "Claim" { topic = "string", op = "integer" }
local Gift = world:command "Gift" {
  account = "string", to = "string", amount = "integer", op = "integer",
}

local Transfer = world:command "Transfer" {
  account = "string", to = "string", amount = "integer", op = "integer",
}

-- The first one has it.
world:handle(Claim, function(command, context)
  context:publish(Claimed(command), { stream = "Claim-" .. command.topic, expected = 0 })
  context:publish(Noted(command), { stream = "Notes-all" })
end)

-- Into the streams of two aggregates, past them.
world:handle(Gift, function(command, context)
  for _, id in ipairs { command.account, command.to } do
    context:publish(Deposited { account = id, amount = command.amount, op = command.op },
      { stream = "Account-" .. id })
  end
end)

-- Two commands of its own, each a unit by itself.
world:handle(Transfer, function(command, context)
  local taken, err = context:dispatch("Withdraw", {
    account = command.account, amount = command.amount, op = command.op,
  })
  if not taken then return neap.reject("not_taken", err.code) end
  context:sleep(0.001)
  local given, why = context:dispatch("Deposit", {
    account = command.to, amount = command.amount, op = command.op,
  })
  if not given then return neap.reject("not_given", why.code) end
end)

return world
