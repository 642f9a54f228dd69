local neap = require "neap"
local passing = require "spec.lua.middleware.passing"

describe("cache", function()
  local function query(cache, context, fields, next)
    context.kind, context.name = "query", context.query or "Get"
    return cache(fields, context, next)
  end

  local function command(cache, context, outcome)
    context.kind, context.name = "command", "Do"
    return cache({}, context, passing.next(outcome))
  end

  it("answers again without asking, until its time is over", function()
    local cache, context = neap.middleware.cache { seconds = 10 }, passing.context()
    local next = passing.next({ n = 1 }, { n = 2 })
    assert.same({ n = 1 }, query(cache, context, { id = "a" }, next))
    context.seconds = context.seconds + 9
    assert.same({ n = 1 }, query(cache, context, { id = "a" }, next))
    assert.equal(1, next.calls)
    context.seconds = context.seconds + 1
    assert.same({ n = 2 }, query(cache, context, { id = "a" }, next))
  end)

  it("tells queries apart by name and fields", function()
    local cache, context = neap.middleware.cache(), passing.context()
    local next = passing.next "answer"
    query(cache, context, { id = "a" }, next)
    query(cache, context, { id = "b" }, next)
    context.query = "Other"
    query(cache, context, { id = "a" }, next)
    assert.equal(3, next.calls)
  end)

  it("keeps an answer of nothing, and no errors", function()
    local cache, context = neap.middleware.cache(), passing.context()
    local next = passing.next({ code = "unavailable" }, function() return nil end)
    assert.equal("unavailable", select(2, query(cache, context, {}, next)).code)
    assert.is_nil(query(cache, context, {}, next))
    assert.is_nil(query(cache, context, {}, next))
    assert.equal(2, next.calls)
  end)

  it("gives everybody an answer of his own", function()
    local cache, context = neap.middleware.cache(), passing.context()
    local next = passing.next { n = 1 }
    query(cache, context, {}, next)
    query(cache, context, {}, next).n = 2
    assert.same({ n = 1 }, query(cache, context, {}, next))
  end)

  it("forgets everything when a command perhaps took effect", function()
    local unknown = { code = "timeout", outcome = "unknown" }
    for _, clear_on in ipairs { true, { "Done" }, false } do
      local cache, context = neap.middleware.cache { clear_on = clear_on }, passing.context()
      local next = passing.next "answer"
      query(cache, context, {}, next)
      command(cache, context, unknown)
      query(cache, context, {}, next)
      assert.equal(clear_on and 2 or 1, next.calls)
    end
  end)

  it("forgets the longest unused", function()
    local cache, context = neap.middleware.cache { size = 2 }, passing.context()
    local next = passing.next "answer"
    for _, id in ipairs { "a", "b", "a", "c", "a" } do query(cache, context, { id = id }, next) end
    assert.equal(3, next.calls)
    query(cache, context, { id = "b" }, next)
    assert.equal(4, next.calls)
  end)

  local function calls_behind(options, outcome)
    local cache, context = neap.middleware.cache(options), passing.context()
    local next = passing.next "answer"
    query(cache, context, {}, next)
    command(cache, context, outcome)
    query(cache, context, {}, next)
    return next.calls
  end

  it("is cleared by a command that recorded events, or events of some types", function()
    assert.equal(2, calls_behind(nil, { events = { "Placed" } }))
    assert.equal(1, calls_behind(nil, { events = {} }))
    assert.equal(1, calls_behind(nil, { code = "rejected" }))
    assert.equal(1, calls_behind({ clear_on = false }, { events = { "Placed" } }))
    assert.equal(1, calls_behind({ clear_on = { "Shipped" } }, { events = { "Placed" } }))
    local both = { events = { "Placed", "Shipped" } }
    assert.equal(2, calls_behind({ clear_on = { "Shipped" } }, both))
  end)

  it("keeps no answer that a command overtook", function()
    local cache, context = neap.middleware.cache(), passing.context()
    local next = passing.next(function()
      command(cache, context, { events = { "Placed" } })
      return "old"
    end, "new")
    assert.equal("old", query(cache, context, {}, next))
    assert.equal("new", query(cache, context, {}, next))
  end)

  it("keeps the queries that it is told to, by the key that it is told to", function()
    local cache = neap.middleware.cache { queries = { "Get" }, key = function(_, context)
      return context.meta.user
    end }
    local context, next = passing.context(), passing.next "answer"
    for _, user in ipairs { "ada", "bob", "ada" } do
      context.meta = { user = user }
      query(cache, context, {}, next)
    end
    assert.equal(2, next.calls)
    context.meta = {}
    query(cache, context, {}, next)
    context.query, context.meta = "Other", { user = "ada" }
    query(cache, context, {}, next)
    assert.equal(4, next.calls)
  end)

  it("has its options checked", function()
    for message, options in pairs {
      ["neap.middleware.cache knows no key 'second'; did you mean 'seconds'?"] = { second = 1 },
      ["neap.middleware.cache: 'size' must be an integer from 1 to 10000000, but is 0"] =
        { size = 0 },
    } do
      assert.equal(message, passing.mistake(neap.middleware.cache, options))
    end
  end)
end)
