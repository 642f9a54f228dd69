local neap = require "neap"
local passing = require "spec.lua.middleware.passing"

local conflict, unavailable = { code = "conflict" }, { code = "unavailable" }

describe("retry", function()
  local function run(options, context, next)
    return neap.middleware.retry(options)({}, context, next)
  end

  it("tries three times, with delays of 0.1 and 0.2 seconds", function()
    local context, next = passing.context(), passing.next(unavailable)
    local result, err = run(nil, context, next)
    assert.is_nil(result)
    assert.equal(unavailable, err)
    assert.equal(3, next.calls)
    assert.same({ 0.1, 0.2 }, context.slept)
  end)

  it("gives the first success", function()
    local context, next = passing.context(), passing.next(conflict, "done")
    assert.equal("done", (run(nil, context, next)))
    assert.equal(2, next.calls)
  end)

  it("does not try again what is not worth it", function()
    for _, code in ipairs { "rejected", "invalid", "handler", "timeout", "negative" } do
      local next = passing.next { code = code }
      local _, err = run(nil, passing.context(), next)
      assert.equal(code, err.code)
      assert.equal(1, next.calls)
    end
  end)

  it("takes a rejection for none of Neap's own errors, but may be told of it", function()
    local next = passing.next { status = "rejected", code = "conflict" }
    run(nil, passing.context(), next)
    assert.equal(1, next.calls)
    next = passing.next { status = "rejected", code = "sold_out" }
    run({ on = { "sold_out" } }, passing.context(), next)
    assert.equal(3, next.calls)
  end)

  it("does not try a command again whose outcome is unknown, unless it has a key", function()
    local unknown = { code = "unavailable", outcome = "unknown" }
    local next = passing.next(unknown)
    run(nil, passing.context(), next)
    assert.equal(1, next.calls)
    next = passing.next(unknown)
    run(nil, passing.context { idempotency_key = "k" }, next)
    assert.equal(3, next.calls)
    next = passing.next(unknown)
    run(nil, passing.context { kind = "query" }, next)
    assert.equal(3, next.calls)
  end)

  it("spreads its delays by chance, up to a longest one", function()
    local options = { attempts = 6, first_delay = 1, factor = 3, max_delay = 10, jitter = 0.5 }
    for chance, delays in pairs {
      [0] = { 0.5, 1.5, 4.5, 5, 5 }, [0.5] = { 1, 3, 9, 10, 10 }, [1] = { 1.5, 4.5, 13.5, 15, 15 },
    } do
      local context = passing.context { chance = chance }
      run(options, context, passing.next(conflict))
      assert.same(delays, context.slept)
    end
  end)

  it("tries the codes that it is told to", function()
    local next = passing.next { code = "sold_out" }
    run({ on = { "sold_out" } }, passing.context(), next)
    assert.equal(3, next.calls)
    next = passing.next(conflict)
    run({ on = { "sold_out" } }, passing.context(), next)
    assert.equal(1, next.calls)
  end)

  it("gives up when the caller's time would be over", function()
    local context, next = passing.context { ends = 100.2 }, passing.next(unavailable)
    local _, err = run(nil, context, next)
    assert.equal(unavailable, err)
    assert.equal(2, next.calls)
  end)

  it("has its options checked", function()
    for message, options in pairs {
      ["neap.middleware.retry knows no key 'attemps'; did you mean 'attempts'?"] = { attemps = 3 },
      ["neap.middleware.retry: 'attempts' must be a number, but is a string"] = { attempts = "3" },
      ["neap.middleware.retry: 'attempts' must be an integer from 1 to 1000, but is 0"] =
        { attempts = 0 },
      ["neap.middleware.retry: 'jitter' must be a number from 0 to 1, but is 2"] = { jitter = 2 },
      ["neap.middleware.retry: 'on' must be a list of texts, but has a number"] = { on = { 1 } },
      ["neap.middleware.retry needs a table, but got number"] = 3,
    } do
      assert.equal(message, passing.mistake(neap.middleware.retry, options))
    end
  end)
end)
