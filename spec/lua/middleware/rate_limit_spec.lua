local neap = require "neap"
local passing = require "spec.lua.middleware.passing"

describe("rate_limit", function()
  local function admitted(limit, context, times, message)
    local count, last = 0, nil
    for _ = 1, times do
      local result, err = limit(message or {}, context, passing.next "done")
      if result then count = count + 1 end
      last = err or last
    end
    return count, last
  end

  it("lets through a burst, and then as many as come in a second", function()
    local limit, context = neap.middleware.rate_limit { rate = 2, burst = 5 }, passing.context()
    local count, err = admitted(limit, context, 9)
    assert.equal(5, count)
    assert.equal("busy", err.code)
    assert.equal(0.5, err.details.retry_after)
    context.seconds = context.seconds + 1
    assert.equal(2, (admitted(limit, context, 9)))
    context.seconds = context.seconds + 1000
    assert.equal(5, (admitted(limit, context, 9)))
  end)

  it("has by default a burst of a second", function()
    local context = passing.context()
    assert.equal(7, (admitted(neap.middleware.rate_limit { rate = 7.5 }, context, 20)))
    assert.equal(1, (admitted(neap.middleware.rate_limit { rate = 0.1 }, context, 20)))
  end)

  it("has a bucket for each key, none for nil, and bounds their number", function()
    local limit = neap.middleware.rate_limit {
      rate = 1, keys = 2, key = function(message) return message.user end,
    }
    local context = passing.context()
    for _, user in ipairs { "ada", "bob" } do
      assert.equal(1, (admitted(limit, context, 3, { user = user })))
    end
    assert.equal(3, (admitted(limit, context, 3, {})))
    assert.equal(0, (admitted(limit, context, 3, { user = "ada" })))
    assert.equal(1, (admitted(limit, context, 3, { user = "cy" })))
    assert.equal(0, (admitted(limit, context, 3, { user = "ada" })))
    assert.equal(1, (admitted(limit, context, 3, { user = "bob" })))
  end)

  it("has its options checked", function()
    for message, options in pairs {
      ["neap.middleware.rate_limit needs the key 'rate'"] = {},
      ["neap.middleware.rate_limit knows no key 'bursts'; did you mean 'burst'?"] =
        { rate = 1, bursts = 2 },
    } do
      assert.equal(message, passing.mistake(neap.middleware.rate_limit, options))
    end
    local limit = neap.middleware.rate_limit { rate = 1, key = function() return 3 end }
    assert.equal("neap.middleware.rate_limit: 'key' must give a text or nothing, but gave a number",
      passing.mistake(limit, {}, passing.context(), passing.next "done"))
  end)
end)
