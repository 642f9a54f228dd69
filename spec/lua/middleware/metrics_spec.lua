local neap = require "neap"
local passing = require "spec.lua.middleware.passing"

describe("metrics", function()
  local function pass(metrics, outcome, seconds, fields)
    local context = passing.context(fields)
    return metrics({}, context, function()
      context.seconds = context.seconds + seconds
      return passing.next(outcome)()
    end)
  end

  it("counts messages, failures by code, and time", function()
    local metrics = neap.middleware.metrics { buckets = { 0.1, 1 } }
    pass(metrics, "done", 0.0625)
    pass(metrics, "done", 0.5)
    pass(metrics, { code = "conflict" }, 2)
    pass(metrics, "answer", 0.5, { kind = "query", name = "Ask" })
    assert.same({
      commands = { Do = { count = 3, under_way = 0, failures = { conflict = 1 }, seconds = 2.5625,
        longest = 2, buckets = { { seconds = 0.1, count = 1 }, { seconds = 1, count = 2 } } } },
      queries = { Ask = { count = 1, under_way = 0, failures = {}, seconds = 0.5, longest = 0.5,
        buckets = { { seconds = 0.1, count = 0 }, { seconds = 1, count = 1 } } } },
      deliveries = {},
    }, metrics:read())
  end)

  it("counts what is under way, and what is raised", function()
    local metrics = neap.middleware.metrics()
    local slow = coroutine.wrap(function()
      return metrics({}, passing.context(), function() return coroutine.yield() end)
    end)
    slow()
    assert.equal(1, metrics:read().commands.Do.under_way)
    slow "done"
    pcall(metrics, {}, passing.context(), error)
    local read = metrics:read().commands.Do
    assert.same({ 0, 2, { handler = 1 } }, { read.under_way, read.count, read.failures })
  end)

  it("bounds the number of codes", function()
    local metrics = neap.middleware.metrics()
    for i = 1, 150 do pass(metrics, { code = "code " .. i }, 0) end
    local count = 0
    for _ in pairs(metrics:read().commands.Do.failures) do count = count + 1 end
    assert.equal(101, count)
    assert.equal(50, metrics:read().commands.Do.failures.other)
  end)

  it("has its options checked", function()
    for _, buckets in ipairs { { 2, 1 }, { 0 }, { "1" } } do
      assert.equal("neap.middleware.metrics: 'buckets' must be rising numbers above 0",
        passing.mistake(neap.middleware.metrics, { buckets = buckets }))
    end
  end)
end)
