local neap = require "neap_command"

local past = "fixtures/past.lua"
local terminal = assert(os.getenv "NEAP_TERMINAL", "NEAP_TERMINAL: where is terminal?")

local history = [[
{"command":"PlaceOrder","data":{"order":"o-1","total":4200}}
{"command":"PlaceOrder","data":{"order":"o-2","total":990}}
{"command":"PayOrder","data":{"order":"o-1"}}
{"command":"ShipOrder","data":{"order":"o-1"}}
{"command":"ShipOrder","data":{"order":"o-2"}}
]]

-- What differs from run to run.
local function without_times(text)
  text = text:gsub("%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.%d%d%d", "TIME")
  return (text:gsub("%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+", "ID"))
end

describe("neap repl", function()
  local folder, store, file

  before_each(function()
    folder = neap.folder()
    file = folder .. "/shop.db"
    store = "sqlite:" .. file
    assert.equal(0, (neap.run({ "run", past, "--store", store, "--quiet" }, { stdin = history })))
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function script(input)
    local status, out, err = neap.run({ "repl", past, "--store", store }, { stdin = input })
    return status, without_times(out), without_times(err)
  end

  -- What a script prints, without errors.
  local function printed(input)
    local status, out, err = script(input)
    assert.same({ 0, "" }, { status, err })
    return out
  end

  it("lists events, whole ones and streams", function()
    assert.equal([[
position  recorded at  stream     version  type          data
       1  TIME         Order-o-1        1  OrderPlaced   { order = "o-1", total = 4200 }
       2  TIME         Order-o-2        1  OrderPlaced   { order = "o-2", total = 990 }
       3  TIME         Order-o-1        2  OrderPaid     { order = "o-1" }
       4  TIME         Order-o-1        3  OrderShipped  { order = "o-1" }
       5  TIME         Order-o-2        2  OrderShipped  { order = "o-2" }
]], (printed("events()"):gsub("recorded at            ", "recorded at")
      :gsub("TIME", "TIME       ")))
    assert.equal([[
5  TIME  Order-o-2 2  OrderShipped  { order = "o-2" }
  id              ID
  causation_id    ID
  correlation_id  ID
  decided by      ShipOrder { order = "o-2" }
  data
    { order = "o-2" }
]], printed "event(5)")
    assert.equal([[
stream     version  first  last
Order-o-1        3      1     4
Order-o-2        2      2     5
]], printed "streams()")
    assert.matches('more: behind = "Order%-o%-1"\n$', printed "streams { limit = 1 }")
    assert.matches("more: to = 2\n$",
      printed 'events { stream = "Order-o-1", backward = true, limit = 1 }')
    assert.equal("2\nno events\nno streams\n",
      printed '#events { type = "OrderShipped" }\nevents { stream = "x" }\nstreams "x"')
  end)

  it("goes to positions, and answers as of there", function()
    assert.equal([[
2  TIME  Order-o-2 1  OrderPlaced  { order = "o-2", total = 990 }
{ status = "placed", total = 4200 }
3  TIME  Order-o-1 2  OrderPaid  { order = "o-1" }
{ paid = true, status = "paid", total = 4200 }
{ orders = 1 }
1
2  TIME  Order-o-2 1  OrderPlaced  { order = "o-2", total = 990 }
0  before everything
nothing was before
5  TIME  Order-o-2 2  OrderShipped  { order = "o-2" }
this is the last event
5
]], printed [[
at(2)
state("Order", "o-1")
step()
state("Order", "o-1")
find("by_status", "paid")
query("CountOrders", { status = "paid" })
back()
go(-100)
back()
go(100)
step()
position()
]])
  end)

  it("keeps several pasts as values", function()
    assert.equal([[
1  TIME  Order-o-1 1  OrderPlaced  { order = "o-1", total = 4200 }
{ status = "placed", total = 4200 }
{ paid = true, status = "shipped", total = 4200 }
0
2
]], printed [[
at(5)
early, late = at(1), at(5)
at(1)
early:state("Order", "o-1"), late:state("Order", "o-1")
#early:list "by_status" - 1
#late:streams()
]]:gsub("^[^\n]*\n", "", 1))
  end)

  it("finds events and changes, forwards and backwards", function()
    assert.equal([[
no OrderShipped after 5
4  TIME  Order-o-1 3  OrderShipped  { order = "o-1" }
5  TIME  Order-o-2 2  OrderShipped  { order = "o-2" }
2  TIME  Order-o-2 1  OrderPlaced  { order = "o-2", total = 990 }
  status: nothing → "placed"
  total: nothing → 990
5  TIME  Order-o-2 2  OrderShipped  { order = "o-2" }
  status: "placed" → "shipped"
no change of it after 5
2  TIME  Order-o-2 1  OrderPlaced  { order = "o-2", total = 990 }
  status: nothing → "placed"
  total: nothing → 990
no change of it before 2
3  TIME  Order-o-1 2  OrderPaid  { order = "o-1" }
  paid: nothing → true
  status: "placed" → "paid"
2  TIME  Order-o-2 1  OrderPlaced  { order = "o-2", total = 990 }
  orders: 1 → 2
4  TIME  Order-o-1 3  OrderShipped  { order = "o-1" }
  orders: nothing → 1
no change of it after 4
]], printed [[
find "OrderShipped"
find("OrderShipped", nil, { backward = true })
find("OrderShipped", function(e) return e.order == "o-2" end)
until_change("Order", "o-2", "total", { backward = true })
until_change("Order", "o-2", "status")
until_change("Order", "o-2")
until_change("Order", "o-2", nil, { backward = true })
until_change("Order", "o-2", nil, { backward = true })
until_change("Order", "o-1", "paid")
until_change("by_status", "placed", "orders", { backward = true })
until_change("by_status", "shipped")
until_change("by_status", "paid")
]])
  end)

  it("tells what changed in what is watched", function()
    assert.equal([[
2  TIME  Order-o-2 1  OrderPlaced  { order = "o-2", total = 990 }
1  Order "o-1"
1  Order "o-1"
2  by_status "paid"
1  Order "o-1"
2  by_status "paid"
3  function 3
1  Order "o-1"
2  by_status "paid"
3  function 3
4  state('Order', 'o-1').status .. '!'
3  TIME  Order-o-1 2  OrderPaid  { order = "o-1" }
Order "o-1"
  paid: nothing → true
  status: "placed" → "paid"
by_status "paid"
  value: nothing → { orders = 1 }
function 3
  value: 2 → 3
state('Order', 'o-1').status .. '!'
  value: "placed!" → "paid!"
1  Order "o-1"
2  function 3
3  state('Order', 'o-1').status .. '!'
nothing is watched
4  TIME  Order-o-1 3  OrderShipped  { order = "o-1" }
]], printed [[
at(2)
watch("Order", "o-1")
watch("by_status", "paid")
watch(function(past) return past:position() end)
watch "state('Order', 'o-1').status .. '!'"
step()
unwatch(2)
unwatch()
step()
]])
  end)

  it("says why, what led to it, and what differs", function()
    assert.equal([[
status: "placed" → "shipped"
  5  TIME  Order-o-2 2  OrderShipped  { order = "o-2" }
  folded by Order, fixtures/past.lua:26
  decided by ShipOrder, fixtures/past.lua:18
caused by
  ShipOrder { order = "o-2" }  (TIME)
no event has set 'paid' of Order "o-2"
orders: 1 → 2
  5  TIME  Order-o-2 2  OrderShipped  { order = "o-2" }
  folded by by_status, fixtures/past.lua:37
  decided by ShipOrder, fixtures/past.lua:18
caused by
  ShipOrder { order = "o-2" }  (TIME)
└─ ShipOrder { order = "o-2" }  (TIME)
   └─ 5  OrderShipped  { order = "o-2" }  (TIME)
  paid: nothing → true
  status: "placed" → "paid"
  status: "paid" → "shipped"
  orders: 1 → 2
no difference
]], printed [[
why("Order", "o-2", "status")
why("Order", "o-2", "paid")
why("by_status", "shipped", "orders")
trace(5)
diff("Order", "o-1", 1, 2)
diff("Order", "o-1", 2)
diff("by_status", "shipped", 4)
diff("by_status", "shipped", 4, 4)
]])
  end)

  it("makes a spec of what was decided", function()
    local spec = folder .. "/o2_spec.lua"
    local text = printed 'fixture("Order", "o-2")'
    assert.matches('given {\n      { "OrderPlaced", { order = "o%-2", total = 990 } },\n    }',
      text)
    assert.matches(':expect%({ "OrderShipped", { order = "o%-2" } }%)', text)
    assert.matches('"decides PlaceOrder, as of event 2"', printed 'at(4)\nfixture("Order", "o-2")')
    local writing = ('fixture("Order", "o-2", { file = %q })'):format(spec)
    assert.equal("written: " .. spec .. "\n", printed(writing))
    assert.equal(text, neap.read(spec))
    local status, _, err = script(writing)
    assert.same({ 1, "line 1: error: fixture: there is a file " .. spec .. " already\n" },
      { status, err })
  end)

  -- The domain with a fix, and with another name for what is shipped, as a file of its own.
  local function changed()
    local text = neap.read(past):gsub("return OrderShipped", [[
if not order.paid then return neap.reject("unpaid", "it is not paid") end
      return OrderShipped]]):gsub('order.status = "shipped"', 'order.status = "sent"')
    neap.write(folder .. "/fixed.lua", text)
    return folder .. "/fixed.lua"
  end

  it("tells what changed code makes of the log, and goes on with it", function()
    local file_changed = changed()
    assert.equal(([[
FIXED, positions 1 to 5; the session stays with the code that it has
Order (aggregate): 2 of 2 instances differ
  o-1 from 4 on: OrderShipped, version 3 of Order-o-1, FIXED:27
    status: "shipped" → "sent"
  o-2 from 5 on: OrderShipped, version 2 of Order-o-2, FIXED:27
    status: "shipped" → "sent"
decisions: 1 of 5 would be others
  5  ShipOrder { order = "o-2" }, FIXED:18
    recorded: OrderShipped { order = "o-2" }
    now: rejected (unpaid): it is not paid
5
"shipped"
1
FIXED, positions 1 to 5; the session goes on with it
Order (aggregate): 2 of 2 instances differ
  o-1 from 4 on: OrderShipped, version 3 of Order-o-1, FIXED:27
    status: "shipped" → "sent"
  o-2 from 5 on: OrderShipped, version 2 of Order-o-2, FIXED:27
    status: "shipped" → "sent"
decisions: 1 of 5 would be others
  5  ShipOrder { order = "o-2" }, FIXED:18
    recorded: OrderShipped { order = "o-2" }
    now: rejected (unpaid): it is not paid
Order "o-1"
  status: "shipped" → "sent"
4
"shipped"
"sent"
5  TIME  Order-o-2 2  OrderShipped  { order = "o-2" }
FIXED, positions 1 to 5; the session goes on with it
no difference: Order 2, by_status 3, decisions 5
decisions: 1 were others, but the code before decides them as this does
  5  ShipOrder { order = "o-2" }, FIXED:18
    recorded: OrderShipped { order = "o-2" }
    now: rejected (unpaid): it is not paid
]]):gsub("FIXED", file_changed), (printed(([[
found = reload(%q, { keep = false }); show(found)
position()
state("Order", "o-1").status
found.decisions.differing
early = at(4); watch("Order", "o-1")
reload(%q)
position()
early:state("Order", "o-1").status
state("Order", "o-1").status
step()
reload()
]]):format(file_changed, file_changed))))
  end)

  it("stays as it is where changed code does not load", function()
    neap.write(folder .. "/broken.lua", "local = 1")
    local status, out, err = script(("reload(%q)\nstate('Order', 'o-1').status\nreload(1)")
      :format(folder .. "/broken.lua"))
    assert.same({ 1, '"shipped"\n' }, { status, out })
    assert.matches("line 1: error: .*broken.lua:1: ", err)
    assert.matches("line 3: error: .*the path must be a text, but is a number", err)
  end)

  it("follows what others append, as a script too", function()
    local session = neap.start { "repl", past, "--store", store }
    finally(function() session:cleanup() end)
    session:send 'watch("Order", "o-3")\nfollow({ type = "OrderPaid", timeout = 0.05 })\n'
    -- Watched is looked at once the session is at the end: what is appended then is followed.
    session:send 'watch(function() if armed then armed = print "there" end end)\narmed = true; '
    session:send 'follow({ category = "Order", timeout = 60 }, function(e, event)\n'
    session:send 'return event.type == "OrderPaid" and e.order == "o-3" end)\nposition()\n'
    session:lines(4)
    local status = neap.run({ "run", past, "--store", store }, { stdin = [[
{"command":"PlaceOrder","data":{"order":"o-3","total":7}}
{"command":"PayOrder","data":{"order":"o-3"}}
{"command":"PayOrder","data":{"order":"o-2"}}
]] })
    assert.equal(0, status)
    assert.equal([[
1  Order "o-3"
1  Order "o-3"
2  function 2
there
6  TIME  Order-o-3 1  OrderPlaced  { order = "o-3", total = 7 }
Order "o-3"
  value: nothing → { status = "placed", total = 7 }
7  TIME  Order-o-3 2  OrderPaid  { order = "o-3" }
Order "o-3"
  paid: nothing → true
  status: "placed" → "paid"
7
]], without_times(table.concat(session:lines(11), "\n") .. "\n"))
    assert.equal(0, session:close())
    assert.equal("", session:err())
    local err
    local _
    status, _, err = script 'follow { type = "OrderShiped" }\nfollow(1)\nfollow({}, 1)'
    assert.equal(1, status)
    assert.equal([[
line 1: error: the domain has no event 'OrderShiped'; did you mean 'OrderShipped'?
line 2: error: follow(filter, predicate): the filter must be a table, as in { timeout = 60 }
line 3: error: follow(filter, predicate): the predicate must be a function of the event's data
]], err)
  end)

  it("folds twice, and tells what does not come to the same", function()
    assert.equal(past .. [[, positions 1 to 5, folded twice: deterministic
no difference: Order 2, by_status 3, decisions 5
true
]], printed "deterministic()\ndeterministic { aggregate = 'Order', to = 3 }.same")
    local status, _, err = script "deterministic { form = 1 }"
    assert.equal(1, status)
    assert.matches("did you mean 'from'?", err, 1, true)
  end)

  it("helps with each verb", function()
    local overview = printed "help()"
    for name in overview:gmatch "\n?([%a_]+)%(" do
      local text = printed("help '" .. name .. "'")
      assert.truthy(text:find("example: ", 1, true), text)
    end
    assert.equal(printed "help 'step'", printed "help(step)")
    local status, _, err = script "help 'stepp'"
    assert.equal(1, status)
    assert.equal("line 1: error: there is no verb 'stepp'; did you mean 'step'?; help() lists "
      .. "them\n", err)
  end)

  it("has an example of each verb, which is right", function()
    local saga = [[
shop:saga "fulfilment" {
  key = "order", initial = {}, starts = { "OrderPlaced" },
  events = { OrderPlaced = function(saga) saga.placed = true end },
}
return shop]]
    for _, name in ipairs { "sagas", "fixed" } do -- the second is what reload() takes
      neap.write(folder .. "/" .. name .. ".lua", (neap.read(past):gsub("return shop%s*$", saga)))
    end
    local looking, writing, trying = {}, {}, {}
    for name in ("\n" .. printed "help()"):gmatch "\n([%a_]+)%(" do
      local text = printed("help '" .. name .. "'")
      -- Some are several, and nothing happens that is worth waiting for.
      local example = text:match "example: ([^\n]+)":gsub("   ", "\n")
        :gsub("timeout = %d+", "timeout = 0.01")
      local tries = text:find("the branch[^%w]") or name == "branch"
      local of = tries and trying or text:find("with --write:", 1, true) and writing or looking
      of[#of + 1] = string.format(tries and "at(5); branch()\n%s\nwhile pcall(discard) do end\n"
        or "at(5)\n%s\n", example)
    end
    assert.truthy(#looking > 25 and #writing >= 3 and #trying >= 8)
    local function enter(examples, ...)
      local status, out, err = neap.run({ "repl", folder .. "/sagas.lua", "--store", store, ... },
        { stdin = table.concat(examples), folder = folder })
      assert.same({ 0, "" }, { status, err }, out)
    end
    enter(looking)
    enter(trying)
    enter(writing, "--write")
    assert.truthy(neap.read(folder .. "/o2_spec.lua"))
  end)

  it("goes on behind errors, which name their line", function()
    local status, out, err = script [[
1 +
1
nope()
state("Ordr", "o-1")

for i = 1, 2 do

  print(i)
end
error "mine"
at(6)
find "OrderShiped"
quit()
"not any more"
]]
    assert.equal(1, status)
    assert.equal("2\n1\n2\n", out)
    assert.equal([[
line 3: error: input:1: attempt to call a nil value (global 'nope')
line 4: error: unknown: there is no aggregate 'Ordr'; did you mean 'Order'?
line 10: error: input:1: mine
line 11: error: unknown: there is no position 6: the last event is 5
line 12: error: the domain has no event or projection 'OrderShiped'; did you mean 'OrderShipped'?
]], err)
    status, out, err = script "if true then\n"
    assert.same({ 1, "", "line 1: error: input:1: 'end' expected near <eof>\n" },
      { status, out, err })
  end)

  it("leaves the store as it is, to the byte", function()
    local before = neap.read(file)
    printed 'at(0)\nstep()\nstate("Order", "o-1")\nwhy("Order", "o-1", "status")\nlist "by_status"'
    assert.equal(before, neap.read(file))
    local status, _, err = script 'at().dispatch({}, "PayOrder", { order = "o-1" })'
    assert.equal(1, status)
    assert.truthy(err:find("a past has no 'dispatch'", 1, true), err)
  end)

  it("says what is wrong with how it is called", function()
    local status, _, err = neap.run { "repl", past, "--store", "sqlite:" .. folder .. "/none.db" }
    assert.equal(3, status)
    assert.truthy(err:find("none.db", 1, true), err)
    status, _, err = neap.run { "repl", folder .. "/none.lua", "--store", store }
    assert.equal(2, status)
    assert.truthy(err:find("none.lua", 1, true), err)
    assert.equal(2, (neap.run { "repl" }))
  end)

  -- Whether there is anything in a text that a terminal would not print.
  local function steers(text)
    return text:find "[%z\1-\9\11-\31\127]" or text:find "\xC2[\x80-\x9F]"
      or text:find "\u{202E}"
  end

  it("prints what steers terminals as Lua writes it", function()
    -- Neap records no such names; somebody may have changed them.
    local hostile = "char(27) || ']0;x' || char(7, 155) || '2J' || char(8238)"
    neap.change(file, ([[
      UPDATE streams SET name = 'Order-o-' || HOSTILE WHERE name = 'Order-o-2';
      UPDATE types SET name = 'Order' || HOSTILE WHERE name = 'OrderShipped';
      UPDATE events SET data = json_set(data, '$.order', 'o-' || HOSTILE, '$.' || HOSTILE, 1)
        WHERE position IN (2, 5);
    ]]):gsub("HOSTILE", hostile))
    local out = select(2, script [[
events()
event(2)
event(5)
streams()
trace(5)
at(2)
hostile = event(2).data.order
{ [hostile] = hostile }
print(hostile)
setmetatable({}, { __tostring = function() return hostile end })
state("Order", hostile)
watch("Order", hostile)
why("Order", hostile, "status")
until_change("Order", hostile)
fixture("Order", hostile)
]])
    assert.falsy(steers(out), out)
    local shown = "\\027]0;x\\007\\u{9B}2J\\u{202E}"
    for _, text in ipairs { "  Order-o-", "  Order", 'order = "o-', '["', '\no-' } do
      assert.truthy(out:find(text .. shown, 1, true), text .. "\n" .. out)
    end
    local status, _, err = script [[
hostile = event(2).data.order
error(hostile)
state(hostile, 1)
error { hostile }
find(hostile)
_ENV[hostile]()
]]
    assert.equal(1, status)
    assert.falsy(steers(err), err)
    assert.truthy(select(2, err:gsub("o%-\\027", "")) >= 4, err)
  end)

  it("prints in colours where it is asked to", function()
    local input = 'events { limit = 1 }\n{ a = "b", c = 1, d = true }\n'
      .. 'diff("Order", "o-1", 1, 2)\nnope()\n'
    local function with(option, environment)
      local _, out, err = neap.run({ "repl", past, "--store", store, option },
        { stdin = input, environment = environment })
      return out, err
    end
    local out, err = with("--color=always", "NO_COLOR=1")
    assert.truthy(out:find("\27[1mposition\27[0m  \27[1mrecorded at\27[0m", 1, true), out)
    assert.truthy(out:find('{ \27[34;1ma\27[0m = \27[32m"b"\27[0m, \27[34;1mc\27[0m = '
      .. "\27[36m1\27[0m, \27[34;1md\27[0m = \27[35mtrue\27[0m }\n", 1, true), out)
    assert.truthy(out:find('status: \27[31m"placed"\27[0m → \27[32m"paid"\27[0m\n', 1, true), out)
    assert.truthy(out:find("\27[2m… more: from = 2\27[0m\n", 1, true), out)
    assert.equal("line 4: \27[31;1merror:\27[0m input:1: attempt to call a nil value "
      .. "(global 'nope')\n", err)
    for _, option in ipairs { "--color=auto", "--color=never" } do
      out, err = with(option, "TERM=xterm")
      assert.falsy((out .. err):find "\27")
    end
    local status, _, complaint =
      neap.run { "repl", past, "--store", store, "--color=sometimes" }
    err = complaint
    assert.equal(2, status)
    assert.truthy(err:find("--color takes auto, always or never, not 'sometimes'", 1, true), err)
  end)

  describe("on a terminal", function()
    -- Plays a scenario (see terminal.c); gives the exit status and all that was shown.
    local function play(scenario, domain, columns)
      neap.write(folder .. "/scenario", scenario)
      local line = "env -u NEAP_STORE NO_COLOR=1 TERM=xterm NEAP_HISTORY=%s/typed "
        .. "%s %d %s <%s >%s 2>&1"
      local status = neap.shell(line:format(folder, neap.quote(terminal), columns or 100,
          neap.line { "repl", domain or past, "--store", store }, folder .. "/scenario",
          folder .. "/shown"))
      return status, neap.read(folder .. "/shown")
    end

    local function plays(scenario, domain, columns)
      local status, shown = play(scenario, domain, columns)
      assert(status == 0, shown)
      return shown
    end

    it("has a prompt with the position, and takes several lines for one", function()
      plays [[
wait past: 5 events. help() lists what can be asked.
wait past@5>
type at(3)\r
wait OrderPaid
wait past@3>
type step()\r
wait past@4>
type {\r
wait ..
type answer = 6 * 7 }\r
wait { answer = 42 }
wait past@4>
type nope()\r
wait error: input:1: attempt to call a nil value
wait past@4>
type \cD
end
]]
    end)

    it("completes verbs, names and ids of streams", function()
      plays [[
wait past@5>
type posi\t()\r
wait tion()
wait 5
wait past@5>
type state("Ord\t", "o-\t
wait o-1  o-2
type 2")\r
wait total = 990
wait past@5>
type string.rev\t("ba")\r
wait ab
wait past@5>
type quit()\r
end
]]
    end)

    it("keeps what was typed for the next time", function()
      plays "wait past@5>\ntype 1000 + 234\\r\nwait 1234\nwait past@5>\ntype quit()\\r\nend\n"
      plays("wait past@5>\ntype \\cP\\cP\nwait 1000 + 234\ntype \\r\nwait 1234\nwait past@5>\n"
        .. "type quit()\\r\nend\n")
    end)

    it("keeps it where the user's state is, for nobody else", function()
      for _, case in ipairs {
        { "-u NEAP_HISTORY XDG_STATE_HOME=" .. folder .. "/state", "/state/neap/history" },
        { "-u NEAP_HISTORY XDG_STATE_HOME=here HOME=" .. folder,
          "/.local/state/neap/history" },
        { "-u XDG_STATE_HOME HOME=" .. folder .. "/none NEAP_HISTORY=" .. folder .. "/mine",
          "/mine" },
      } do
        neap.write(folder .. "/scenario",
          "wait past@5>\ntype 1000 + 234\\r\nwait 1234\nwait past@5>\ntype quit()\\r\nend\n")
        local line = "umask 022; env -u NEAP_STORE %s NO_COLOR=1 TERM=xterm %s 100 %s <%s >%s 2>&1"
        local status = neap.shell(line:format(case[1], neap.quote(terminal),
          neap.line { "repl", past, "--store", store }, folder .. "/scenario",
          folder .. "/shown"))
        assert(status == 0, neap.read(folder .. "/shown"))
        local kept = folder .. case[2]
        assert.truthy(neap.read(kept):find("1000", 1, true))
        assert.equal(0, neap.shell("test -z \"$(find '" .. kept .. "' -perm /077)\""))
      end
      assert.not_equal(0, neap.shell("test -e '" .. folder .. "/none'"))
    end)

    it("cuts what is too wide, and shows it whole", function()
      local shown = plays([[
wait past@5>
type ("x"):rep(90)\r
wait xxx…
wait cut: whole()
wait past@5>
type events()\r
wait OrderPlaced   { order = "o-1…
wait cut: whole()
wait past@5>
type whole()\r
wait { order = "o-1", total = 4200 }
wait past@5>
type show(("y"):rep(70))\r
wait yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
wait past@5>
type quit()\r
end
]], past, 75)
      assert.truthy(shown)
    end)

    it("takes changed code, in a page", function()
      plays(([[
wait past@5>
type reload("%s")\r
wait fixed.lua, positions 1 to 5; the session goes on with it
wait Order (aggregate): 2 of 2 instances differ
wait now: rejected (unpaid): it is not paid
wait fixed@5>
type state("Order", "o-1").status\r
wait "sent"
wait fixed@5>
type quit()\r
end
]]):format(changed()), past, 200)
    end)

    it("follows what is appended until Ctrl-C, and is there then", function()
      neap.write(folder .. "/more",
        '{"command":"PlaceOrder","data":{"order":"o-3","total":1}}\n')
      -- The session itself has somebody else append, once it is at the end.
      neap.write(folder .. "/append", ("%s <%s/more >/dev/null 2>&1 &"):format(
        neap.line { "run", past, "--store", store }, folder))
      plays((([[
wait past@5>
type watch(function() started = started or os.execute "sh FOLDER/append" end)\r
wait 1  function 1
wait past@5>
type watch("by_status", "placed"); started = nil\r
wait past@5>
type follow()\r
wait behind 5: Ctrl-C ends
wait 6  20
wait orders: 2 → 3
type \cC
wait past@6>
type 1 + 1\r
wait 2
wait past@6>
type quit()\r
end
]]):gsub("FOLDER", folder)))
    end)

    it("ends what takes too long on Ctrl-C, and goes on", function()
      plays [[
wait past@5>
type half a line\cC
wait past@5>
type print(6 * 7); while true do end\r
wait 42
type \cC
wait error: input:1: interrupted
wait past@5>
type 1 + 1\r
wait 2
wait past@5>
type quit()\r
end
]]
    end)

    it("lets no pcall keep the session from it", function()
      plays [[
wait past@5>
type pcall(function() print(6 * 7); while true do end end); while true do end\r
wait 42
type \cC
wait error: input:1: interrupted
wait past@5>
type quit()\r
end
]]
    end)
  end)
end)

describe("neap repl on a long log", function()
  it("shows how far a replay is, and ends it on Ctrl-C", function()
    local folder = neap.folder()
    local store = "sqlite:" .. folder .. "/slow.db"
    local lines = {}
    for i = 1, 30001 do
      lines[i] = '{"command":"Tick","data":{"id":"t-' .. i % 10 .. '"}}'
    end
    -- It is quick when the events are recorded, and slow when they are looked at.
    local domain, slow = folder .. "/slow.lua", neap.read "fixtures/slow.lua"
    neap.write(domain, (slow:gsub("5000", "1")))
    assert.equal(0, (neap.run({ "run", domain, "--store", store, "--quiet" },
      { stdin = table.concat(lines, "\n"), out = ">/dev/null" })))
    neap.write(domain, slow)
    neap.write(folder .. "/scenario", [[
wait events (Ctrl-C stops)
type \cC
wait unavailable: stopped at position
wait slow: 30001 events
wait slow@0>
type reload()\r
wait of 60,002 events (Ctrl-C stops)
type \cC
wait error: unavailable: stopped at position
wait slow@0>
type at()\r
wait of 30,001 events (Ctrl-C stops)
type \cC
wait error: unavailable: stopped at position
wait >
type quit()\r
end
]])
    local line = "env -u NEAP_STORE NO_COLOR=1 TERM=xterm NEAP_HISTORY= %s 100 %s <%s >%s 2>&1"
    local status = neap.shell(line:format(neap.quote(terminal),
      neap.line { "repl", domain, "--store", store }, folder .. "/scenario", folder .. "/shown"))
    local shown = neap.read(folder .. "/shown")
    neap.remove(folder)
    assert(status == 0, shown)
  end)
end)
