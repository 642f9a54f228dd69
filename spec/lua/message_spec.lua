-- Messages and their constructors, in any Lua.

local neap = require "neap"

local function raised(body)
  local ok, why = pcall(body)
  assert.is_false(ok)
  return (tostring(why):gsub("^.*spec%.lua:%d+: ", "HERE: "))
end

describe("a message's constructor", function()
  local shop = neap.domain "shop"
  local Placed = shop:event "Placed" { order_id = "string", total = "integer", note = "string?" }

  it("gives a checked copy that knows its type", function()
    local fields = { order_id = "o-1", total = 3 }
    local event = Placed(fields)
    assert.same({ order_id = "o-1", total = 3 }, event)
    assert.equal("Placed", getmetatable(event))
    fields.total = 4
    assert.equal(3, event.total)
    assert.is_nil(getmetatable(fields))
  end)

  it("takes what another constructor gave", function()
    local Other = shop:event "Other" { order_id = "string", total = "integer" }
    local placed = Placed { order_id = "o-1", total = 3 }
    local other = Other(placed)
    assert.equal("Other", getmetatable(other))
    assert.equal("Placed", getmetatable(placed))
  end)

  it("raises at the caller's line", function()
    assert.equal("HERE: Placed: total: expected integer, got string \"x\"",
      raised(function() return Placed { order_id = "o-1", total = "x" } end))
    assert.equal("HERE: Placed: totl: unknown field; did you mean 'total'?",
      raised(function() return Placed { order_id = "o-1", total = 1, totl = 1 } end))
    assert.equal("HERE: Placed needs a table of fields, but got no value",
      raised(function() return Placed() end))
  end)

  it("says what it is", function()
    assert.equal("event 'Placed'", tostring(Placed))
    assert.equal("event", Placed.kind)
    assert.equal(1, Placed.version)
  end)
end)

describe("neap", function()
  it("marks lists", function()
    assert.same({}, neap.array())
    local list = { 1 }
    assert.equal(list, neap.array(list))
    assert.equal("HERE: neap.array needs a table, but got a number",
      raised(function() neap.array(3) end))
  end)

  it("goes through a table in an order that is always the same", function()
    local seen = {}
    for key, value in neap.sorted { b = 1, a = 2, [3] = 3, [1.5] = 4, [true] = 5, ["10"] = 6 } do
      seen[#seen + 1] = tostring(key) .. "=" .. value
    end
    assert.same({ "true=5", "1.5=4", "3=3", "10=6", "a=2", "b=1" }, seen)
  end)

  it("makes rejections, and checks them", function()
    local rejection = neap.reject("no", "not today", { why = 1 })
    assert.equal("rejected (no): not today", tostring(rejection))
    assert.equal("no", neap.reject("no").message)
    assert.equal("HERE: neap.reject: the code must be a text of 1 to 63 bytes",
      raised(function() neap.reject "" end))
    assert.equal("HERE: neap.reject: the message must be a text of at most 1023 bytes",
      raised(function() neap.reject("no", 3) end))
  end)

  it("has marks of its own for what is dropped", function()
    assert.equal("userdata", type(neap.delete))
    assert.not_equal(neap.drop, neap.delete)
    assert.not_equal(neap.null, neap.delete)
  end)

  it("says what it does not know", function()
    assert.equal("HERE: neap has no 'arry'; did you mean 'array'?",
      raised(function() neap.arry() end))
  end)
end)
