local neap = require "neap_command"
local terminal = require "terminal_play"

describe("neap repl on a terminal", function()
  local folder, store

  before_each(function()
    folder = neap.folder()
    store = terminal.store(folder)
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function plays(scenario, options)
    return terminal.play(folder, store, "wait past@5>\n" .. scenario .. "type quit()\\r\nend\n",
      options)
  end

  -- The lines behind the one in which that was typed, up to the next prompt.
  local function answer(shown, typed)
    local behind = assert(select(2, shown:find("> " .. typed, 1, true)), shown)
    return (shown:sub(behind + 2):match "^(.-)[^\n]*past@")
  end

  describe("with colours", function()
    local scenario = 'enter events { limit = 1 }\nenter diff("Order", "o-1", 1, 2)\nenter nope()\n'

    it("tells things apart", function()
      local shown = plays(scenario, { styled = true })
      assert.truthy(shown:find("‹1›past@5>‹› events", 1, true), shown)
      assert.truthy(shown:find("‹1›position‹›  ‹1›recorded at‹›", 1, true), shown)
      assert.truthy(shown:find('{ ‹34;1›order‹› = ‹32›"o-1"‹›, ‹34;1›total‹› = ‹36›4200‹› }', 1,
        true), shown)
      assert.truthy(shown:find('  status: ‹31›"placed"‹› → ‹32›"paid"‹›\n', 1, true), shown)
      assert.truthy(shown:find("‹31;1›error:‹› input:1: attempt", 1, true), shown)
      assert.truthy(shown:find("‹2›… more: from = 2‹›\n", 1, true), shown)
    end)

    it("has none where they are not wanted", function()
      for _, options in ipairs {
        { environment = "NO_COLOR=1" }, { environment = "TERM=dumb" },
        { arguments = { "--color=never" } },
      } do
        options.styled = true
        assert.falsy(plays(scenario, options):find("‹", 1, true))
      end
      assert.truthy(plays(scenario, { styled = true, environment = "NO_COLOR=1",
        arguments = { "--color", "always" } }):find("‹31;1›error:‹›", 1, true))
    end)
  end)

  describe("as wide as it is", function()
    it("fits tables and values, and looks again at each line", function()
      local shown = plays([[
enter events { to = 1 }
size 40 50
enter events { to = 1, limit = 1 }
size 200 50
enter events { to = 1, limit = 2 }
]], { columns = 80 })
      shown = terminal.without_times(shown)
      assert.equal([[
position  recorded at     stream     version  type         data
       1  11-27 14:10:29  Order-o-1        1  OrderPlaced  { order = "o-1", tot…
… cut: whole()
]], answer(shown, "events { to = 1 }"))
      assert.equal([[
position     1
recorded at  2026-11-27 14:10:29.123
stream       Order-o-1
version      1
type         OrderPlaced
data         { order = "o-1", total = 4…
… cut: whole()
]], answer(shown, "events { to = 1, limit = 1 }"))
      assert.equal([[
position  recorded at              stream     version  type         data
       1  2026-11-27 14:10:29.123  Order-o-1        1  OrderPlaced  { order = "o-1", total = 4200 }
]], answer(shown, "events { to = 1, limit = 2 }"))
    end)

    it("shortens times before it cuts anything else", function()
      local shown = plays("enter at(4)\n", { columns = 60 })
      assert.equal('4  11-27 14:10:29  Order-o-1 3  OrderShipped  { order = "o-…\n… cut: whole()\n',
        terminal.without_times(answer(shown, "at(4)")))
    end)

    it("counts what is wide, and what has no width", function()
      local shown = plays([[
enter ("中"):rep(60)
enter ("e\u{301}"):rep(60)
]], { columns = 40 })
      assert.truthy(shown:find('\n"' .. ("中"):rep(19) .. "…\n… cut: whole()\n", 1, true), shown)
      assert.truthy(shown:find('\n"' .. ("e\u{301}"):rep(38) .. "…\n", 1, true), shown)
    end)

    it("draws the line anew that is edited meanwhile", function()
      local shown = plays [[
type 1000 + 234
wait 1000 + 234
size 60 50
wait 1000 + 234
type  + 1\r
wait 1235
wait past@5>
]]
      assert.truthy(shown:find("past@5> 1000 + 234 + 1\n1235\n", 1, true), shown)
    end)
  end)

  describe("with a pager", function()
    local long = "enter show(events { limit = 100 }, at(4), at(5))\n"

    it("pages what is longer than the screen, and only that", function()
      local paged = "PAGER='cat >" .. folder .. "/paged; echo paged'"
      local shown = plays("size 100 8\nenter definitions()\nenter definitions 'command'\n",
        { environment = paged })
      assert.equal("paged\n", answer(shown, "definitions()"))
      assert.truthy(answer(shown, "definitions 'command'"):find("\ncommand  ShipOrder", 1, true))
      local text = neap.read(folder .. "/paged")
      assert.equal(10, select(2, text:gsub("\n", "")))
      assert.truthy(text:find("\27[1mkind\27[0m", 1, true))
      assert.falsy(text:find("whole()", 1, true))
    end)

    it("counts lines that take several of the screen", function()
      local shown = plays("size 40 8\nenter show(('x'):rep(400))\n",
        { environment = "PAGER='cat >/dev/null; echo paged'" })
      assert.equal("paged\n", answer(shown, "show(('x'):rep(400))"))
    end)

    it("survives one that has enough, that is interrupted, or that is not there", function()
      local shown = plays("enter show(('x'):rep(1000000))\nenter 1 + 1\n",
        { environment = "PAGER='echo paging'" })
      assert.truthy(shown:find("paging\npast@5> 1 + 1\n2\npast@5>", 1, true), shown)
      shown = plays([[
size 100 8
type show(definitions()) for i = 1, 1000000 do end print "on"\r
wait paging
type \cC
wait past@5>
]], { environment = "PAGER='echo paging; exec sleep 60'" })
      assert.truthy(shown:find("\non\npast@5>", 1, true), shown)
      shown = plays("size 100 8\nenter definitions()\nenter definitions()\n",
        { environment = "PAGER=not_there" })
      assert.truthy(shown:find("kind        name", 1, true), shown)
      assert.equal(1, select(2, shown:gsub("the pager could not be run", "")), shown)
    end)

    it("needs none", function()
      for _, options in ipairs {
        { environment = "PAGER=" },
        { environment = "PAGER='echo paged'", arguments = { "--no-pager" } },
        { environment = "PAGER='echo paged' TERM=dumb" },
      } do
        local shown = plays("size 100 11\nenter definitions()\nenter whole()\n" .. long, options)
        assert.truthy(answer(shown, "definitions()"):find("\n… 5 more lines: whole()\n", 1, true),
          shown)
        assert.truthy(answer(shown, "whole()"):find("by_status", 1, true), shown)
        assert.falsy(shown:find("paged", 1, true), shown)
      end
    end)

    if neap.shell "command -v less >/dev/null" == 0 then
      it("takes less where nothing is said", function()
        -- Whether it draws again on Ctrl-C depends on what it has read by then; r makes it.
        plays [[
size 100 8
type definitions()\r
wait past.lua:9
wait :
type \cC
type r
wait kind
wait ShipOrder
type G
wait by_status
type q
wait past@5>
enter 1 + 1
]]
      end)
    end
  end)

  describe("on Ctrl-C", function()
    it("ends what runs inside C", function()
      plays [[
type print(6 * 7); ("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40))\r
wait 42
type \cC
wait error: input:1: interrupted
wait past@5>
enter 1 + 1
]]
    end)

    it("ends what would not be ended", function()
      for _, loop in ipairs {
        "while true do pcall(error) end",
        "while true do coroutine.wrap(function() while true do end end)() end",
        "repeat local ok = xpcall(function() while true do end end, print) until false",
        "table.sort(setmetatable({}, { __len = function() return 1 << 20 end, "
          .. "__index = function(_, i) return i * 7919 % 1000 end, __newindex = function() end }))",
      } do
        plays("type print(6 * 7); " .. loop .. "\\r\nwait 42\ntype \\cC\n"
          .. "wait interrupted\nwait past@5>\nenter 1 + 1\n")
      end
    end)

    it("gives up a line, and several", function()
      local shown = plays [[
type half a line\cC
wait past@5>
enter x = {
enter 1,
type 2\cC
wait past@5>
enter x == nil
]]
      assert.truthy(shown:find("past@5> x == nil\ntrue\n", 1, true), shown)
    end)
  end)

  it("remembers what was typed before the terminal was closed", function()
    assert.falsy((pcall(terminal.play, folder, store,
      "wait past@5>\nenter 1000 + 234\ntype half a line\nwait half a line\n")))
    plays "type \\cP\nwait 1000 + 234\ntype \\r\nwait 1234\nwait past@5>\n"
  end)

  it("refuses to take all of the memory", function()
    local shown = plays('enter ("x"):rep(1 << 40)\n')
    assert.truthy(shown:find("error: limit: input:1: string.rep would make", 1, true), shown)
  end)

  it("lists what a word can become in columns, and nothing that steers the terminal", function()
    local orders = { "p-1", "p-\u{202E}x" }
    for i = 2, 30 do orders[#orders + 1] = ("p-1%02d"):format(i) end
    for i, order in ipairs(orders) do
      orders[i] = ('{"command":"PlaceOrder","data":{"order":"%s","total":1}}'):format(order)
    end
    assert.equal(0, (neap.run({ "run", terminal.past, "--store", store, "--quiet" },
      { stdin = table.concat(orders, "\n") })))
    local shown = terminal.play(folder, store, [[
wait past@36>
type state("Order", "p-\t
wait p-130
wait ("Order", "p-
type \\\t
wait 2E}x
type ")\r
wait total = 1
wait past@36>
type quit()\r
end
]], { columns = 60 })
    assert.truthy(shown:find("\np-1          p-109        p-117        p-125\np-102 ", 1, true),
      shown)
    assert.truthy(shown:find("\np-107        p-115        p-123        p-\\u{202E}x\n", 1, true),
      shown)
    assert.truthy(shown:find('state("Order", "p-\\u{202E}x")', 1, true), shown)
  end)
end)
