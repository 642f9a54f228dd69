-- Dead letters of the queue, and all dead letters at once.

local domains = require "spec.lua.domains"

local source = [[
local neap = require "neap"
local spec = neap.domain "spec"
local Added = spec:event "Added" { id = "string", n = "integer" }
spec:command "Add" { id = "string", n = "integer" }
local Mend = spec:command "Mend" {}

spec:aggregate "Tally" {
  key = "id", initial = {},
  commands = { Add = function(_, command) return Added(command) end },
  events = { Added = function() end },
}
local broken = true
spec:use(function(message, context, next)
  if broken and message.n then error "broken" end
  return next(message, context)
end)
spec:handle(Mend, function() broken = false end)
spec:subscriber "scribe" {
  events = { Added = function() error "no ink" end },
  retry = { attempts = 1 },
}
return spec
]]

describe("dead letters of the queue", function()
  local now, runtime

  before_each(function()
    now = 1700000000000000
    runtime = assert(domains.open(source, { lanes = 0, clock = function() return now end }))
  end)
  after_each(function() runtime:close() end)

  local function mend()
    assert(runtime:dispatch("Mend", {}))
  end

  local function numbers()
    local found = {}
    for event in runtime:events { types = "Added" } do found[#found + 1] = event.data.n end
    return found
  end

  local function send(n, name)
    now = now + 1
    assert(runtime:send("Add", { id = "a", n = n }, { after = 1, name = name })):wait()
  end

  -- Until all attempts are made.
  local function let_fail()
    for _ = 1, 12 do
      now = now + 60 * 1000000
      assert(runtime:drain())
    end
  end

  it("are listed as what waited, with the error and the attempts", function()
    send(7, "seven")
    let_fail()
    local letters = assert(runtime:dead_letters())
    assert.equal(1, #letters)
    local letter = letters[1]
    assert.same({ "$queue", 10, "Add", 7, "seven", "handler" },
      { letter.subscription, letter.attempts, letter.entry.command, letter.entry.data.n,
        letter.entry.name, letter.error.code })
    assert.same(letters, assert(runtime:dead_letters "$queue"))
    assert.same({}, assert(runtime:dead_letters "scribe"))
  end)

  it("are put back in the order that they had, with all attempts before them", function()
    for n = 1, 5 do send(n) end
    let_fail()
    assert.equal(5, #assert(runtime:dead_letters "$queue"))
    assert.equal(5, runtime:retry_dead_commands()) -- nothing was mended
    let_fail()
    local letters = assert(runtime:dead_letters "$queue")
    assert.equal(5, #letters)
    assert.equal(10, letters[5].attempts)
    mend()
    assert.equal(5, runtime:retry_dead_commands())
    assert(runtime:drain())
    assert.same({ 1, 2, 3, 4, 5 }, numbers())
    assert.equal(0, runtime:retry_dead_commands())
    assert.equal(0, #assert(runtime:dead_letters "$queue"))
  end)

  it("are many, and go in several units #growth", function()
    for n = 1, 450 do send(n) end
    let_fail()
    mend()
    assert.equal(450, runtime:retry_dead_commands())
    assert(runtime:drain())
    assert.equal(450, #numbers())
  end)

  it("go back one by one, each once", function()
    send(1)
    send(2)
    let_fail()
    mend()
    local letters = assert(runtime:dead_letters "$queue")
    assert.equal(1, runtime:retry_dead_commands(letters[2].id))
    assert(runtime:drain())
    assert.same({ 2 }, numbers())
    local _, err = runtime:retry_dead_commands(letters[2].id)
    assert.equal("unknown", err.code)
    assert.equal("invalid", select(2, runtime:drop_dead_commands "two").code)
    assert.equal(1, runtime:drop_dead_commands(letters[1].id))
    assert.same({}, assert(runtime:dead_letters "$queue"))
    let_fail()
    assert.same({ 2 }, numbers())
  end)

  it("stay while another command has their name", function()
    send(1, "x")
    let_fail()
    send(2, "x")
    let_fail()
    mend()
    assert(runtime:send("Add", { id = "a", n = 3 }, { after = 3600, name = "x" })):wait()
    assert.equal(0, runtime:retry_dead_commands())
    local letters = assert(runtime:dead_letters "$queue")
    local _, err = runtime:retry_dead_commands(letters[1].id)
    assert.equal("conflict", err.code)
    assert.is_true(runtime:cancel "x")
    assert.equal(1, runtime:retry_dead_commands()) -- the first of both
    assert.equal(letters[2].id, assert(runtime:dead_letters "$queue")[1].id)
    assert(runtime:drain())
    assert.equal(1, runtime:retry_dead_commands())
    assert(runtime:drain())
    assert.same({ 1, 2 }, numbers())
  end)

  it("are tried, and dropped, with all others", function()
    send(1)
    let_fail()
    mend()
    assert(runtime:dispatch("Add", { id = "b", n = 2 }))
    assert(runtime:dispatch("Add", { id = "b", n = 3 }))
    assert(runtime:drain())
    assert.equal(3, #assert(runtime:dead_letters()))
    assert(runtime:retry_dead_letters())
    assert(runtime:drain())
    assert.same({ 2, 3, 1 }, numbers())
    local letters = assert(runtime:dead_letters())
    assert.same({ 3, 2, 0 }, { #letters, letters[1].attempts, letters[2].attempts })
    assert(runtime:drop_dead_letters "scribe")
    assert.same({}, assert(runtime:dead_letters()))
    assert(runtime:dispatch("Add", { id = "b", n = 4 })) -- the stream goes on
    assert(runtime:drain())
    assert.equal(1, assert(runtime:dead_letters "scribe")[1].attempts)
    assert(runtime:drop_dead_letters())
    assert.same({}, assert(runtime:dead_letters()))
  end)

  it("are not for who only reads", function()
    assert.has_error(function() runtime:retry_dead_commands(7) end)
    local _, err = runtime:drop_dead_letters "scrbe"
    assert.truthy(err.message:find("did you mean 'scribe'?", 1, true), err.message)
  end)
end)
