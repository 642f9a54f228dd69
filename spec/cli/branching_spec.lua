-- neap repl: what would have happened, on branches.

local neap = require "neap_command"
local terminal = require "terminal_play"

local past = terminal.past

local function without_times(text)
  return (string.gsub(text, "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.%d%d%d", "TIME"))
end

describe("a branch in neap repl", function()
  local folder, store

  before_each(function()
    folder = neap.folder()
    store = terminal.store(folder)
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function script(input)
    local status, out, err = neap.run({ "repl", past, "--store", store }, { stdin = input })
    return status, without_times(out), err
  end

  local function printed(input)
    local status, out, err = script(input)
    assert.same({ 0, "" }, { status, err })
    return out
  end

  it("decides commands, and tells what they change", function()
    assert.equal([[
4  TIME  Order-o-1 3  OrderShipped  { order = "o-1" }
1  Order "o-2"
a branch of event 4, with 0 events of its own
dispatch, publish, skip, edit, replace, advance; diff() compares, discard() ends it
no difference
5  TIME  Order-o-2 2  OrderPaid  { order = "o-2" }
Order "o-2"
  paid: nothing → true
  status: "placed" → "paid"
5  TIME  Order-o-2 2  OrderPaid  { order = "o-2" }
Order-o-2
  paid: nothing → true
  status: "placed" → "paid"
by_status "paid"
  orders: 1 → 2
4  TIME  Order-o-1 3  OrderShipped  { order = "o-1" }
"placed"
]], printed [[
at(4)
watch("Order", "o-2")
branch()
diff()
dispatch("PayOrder", { order = "o-2" })
diff()
discard()
state("Order", "o-2").status
]])
  end)

  it("tries another function, without an event, with another one", function()
    local status, out, err = script [[
at(4); b = branch()
replace("Order", "ShipOrder", function(order, command)
  if not order.paid then return neap.reject("unpaid", "nobody has paid") end
  return OrderShipped(command)
end)
dispatch("ShipOrder", { order = "o-2" })
skip(3)
edit(2, { total = 5 })
state("Order", "o-2").total, state("Order", "o-1").paid
diff(b)
at(1)
]]
    assert.equal(1, status)
    assert.equal([[
line 6: error: unpaid: nobody has paid
line 11: error: the session is on a branch, where it cannot go anywhere: discard() goes back
]], err)
    assert.equal([[
Order.ShipOrder is another function here
without event 3
2  TIME  Order-o-2 1  OrderPlaced  { order = "o-2", total = 5 }
5
nil
event 2 is another one
event 3 is left out
Order-o-2
  total: 990 → 5
Order-o-1
  paid: true → nothing
by_status "paid" is not there
  orders: 1 → nothing
]], out)
  end)

  it("begins on another branch, and is saved", function()
    local file = folder .. "/what_if.jsonl"
    assert.equal(string.format([[
"first"	6
"second"	7
written: %s, 6 events; neap import makes a store of it
]], file), printed(string.format([[
branch(); dispatch("PayOrder", { order = "o-2" }); print('"first"', position())
branch(); dispatch("PayOrder", { order = "o-2" }); print('"second"', position())
discard(); position()
save %q
]], file)))
    local copy = "sqlite:" .. folder .. "/copy.db"
    assert.equal(0, (neap.run { "import", "--store", copy, file }))
    local _, out = neap.run { "events", "--store", copy, "--from", "6" }
    assert.matches('"type":"OrderPaid"', out, 1, true)
  end)

  it("needs a branch for what is done on one", function()
    for _, verb in ipairs { "skip(1)", "edit(1, {})", "replace('Order', 'PayOrder', print)",
      "advance(1)", "calls()", "save 'x'", "discard()", "diff()" } do
      local status, _, err = script(verb)
      assert.equal(1, status)
      assert.matches("is for a branch: branch() begins one", err, 1, true)
    end
  end)
end)
