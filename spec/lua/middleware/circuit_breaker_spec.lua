local neap = require "neap"
local passing = require "spec.lua.middleware.passing"

local failing, refusing = { code = "unavailable" }, { code = "rejected" }

describe("circuit_breaker", function()
  local breaker, context

  before_each(function()
    breaker, context = neap.middleware.circuit_breaker(), passing.context()
  end)

  local function run(outcome, name)
    context.name = name or "Do"
    local next = passing.next(outcome)
    local result, err = breaker({}, context, next)
    return result, err, next.calls == 1
  end

  local function break_it()
    for _ = 1, 5 do run(failing) end
  end

  it("opens after five failures in a row, for sixty seconds", function()
    break_it()
    local _, err, tried = run "done"
    assert.is_false(tried)
    assert.equal("unavailable", err.code)
    assert.equal(60, err.details.retry_after)
    context.seconds = context.seconds + 59.9
    assert.is_false(select(3, run "done"))
    context.seconds = context.seconds + 0.1
    assert.equal("done", (run "done"))
  end)

  it("counts failures in a row only, and no refusals", function()
    for _ = 1, 4 do run(failing) end
    run "done"
    for _ = 1, 4 do run(failing) end
    for _ = 1, 9 do run(refusing) end
    assert.is_true(select(3, run "done"))
  end)

  it("counts what is raised, and raises it again", function()
    local function raise() error("broken", 0) end
    for _ = 1, 5 do
      local ok, why = pcall(breaker, {}, context, raise)
      assert.is_false(ok)
      assert.equal("broken", why)
    end
    assert.is_false(select(3, run "done"))
  end)

  it("closes after three probes that succeed", function()
    break_it()
    context.seconds = context.seconds + 60
    for _ = 1, 3 do assert.equal("done", (run "done")) end
    for _ = 1, 4 do run(failing) end
    assert.is_true(select(3, run "done"))
  end)

  it("opens again when a probe fails", function()
    break_it()
    context.seconds = context.seconds + 60
    run "done"
    run(failing)
    assert.is_false(select(3, run "done"))
    context.seconds = context.seconds + 60
    assert.is_true(select(3, run "done"))
  end)

  it("lets three through at once when it is half open", function()
    break_it()
    context.seconds = context.seconds + 60
    local waiting = {}
    for i = 1, 3 do
      waiting[i] = coroutine.wrap(function()
        return breaker({}, context, function() return coroutine.yield() end)
      end)
      waiting[i]()
    end
    assert.is_false(select(3, run "done"))
    for i = 1, 3 do waiting[i] "done" end
    assert.is_true(select(3, run "done"))
  end)

  it("is not opened by rejections, whatever their code is", function()
    for _ = 1, 10 do run { status = "rejected", code = "unavailable" } end
    assert.is_true(select(3, run "done"))
  end)

  it("has a circuit for each message", function()
    break_it()
    assert.is_true(select(3, run("done", "Ask")))
    assert.is_false(select(3, run("done", "Do")))
  end)

  it("has a circuit for each key, and forgets the longest unused", function()
    breaker = neap.middleware.circuit_breaker {
      failures = 1, keys = 2, key = function(message) return message.host end,
    }
    local function to(host, outcome)
      local next = passing.next(outcome)
      breaker({ host = host }, context, next)
      return next.calls == 1
    end
    to("a", failing)
    assert.is_false(to("a", "done"))
    to("b", "done")
    to("c", "done")
    assert.is_true(to("a", "done"))
  end)

  it("passes by a result of an opening that is over", function()
    local slow = coroutine.wrap(function()
      return breaker({}, context, function() return coroutine.yield() end)
    end)
    slow()
    break_it()
    slow "done" -- began while the circuit was closed, and does not close it
    assert.is_false(select(3, run "done"))
  end)

  it("has its options checked", function()
    assert.equal("neap.middleware.circuit_breaker knows no key 'failure'; did you mean 'failures'?",
      passing.mistake(neap.middleware.circuit_breaker, { failure = 3 }))
  end)
end)
