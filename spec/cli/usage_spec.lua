local neap = require "neap_command"

local commands = {
  "run", "events", "state", "query", "check", "verify", "stats", "new", "consume",
}

local function refuses(arguments, wanted)
  local status, out, err = neap.run(arguments)
  assert.equal(2, status)
  assert.equal("", out)
  assert.truthy(err:find(wanted, 1, true), err)
end

describe("the command line", function()
  it("gives its version", function()
    local status, out, err = neap.run { "--version" }
    assert.same({ 0, "neap 0.1.0\n", "" }, { status, out, err })
  end)

  it("lists the commands", function()
    for _, arguments in ipairs { { "help" }, { "--help" }, { "-h" }, { "help", "help" } } do
      local status, out, err = neap.run(arguments)
      assert.same({ 0, "" }, { status, err })
      for _, name in ipairs(commands) do
        assert.truthy(out:find("\n  " .. name .. " ", 1, true), name)
      end
    end
  end)

  it("has a help with an example for each command", function()
    for _, name in ipairs(commands) do
      local status, out, err = neap.run { name, "--help" }
      assert.same({ 0, "" }, { status, err })
      assert.truthy(out:find("Usage: neap " .. name, 1, true))
      assert.truthy(out:find("\nExample\n  $ ", 1, true))
      assert.equal(out, select(2, neap.run { "help", name }))
    end
  end)

  it("shows the help wherever it is asked for", function()
    assert.equal(0, (neap.run { "events", "--limit", "3", "-h" }))
  end)

  it("says what to do when there is no command", function()
    refuses({}, "neap help")
  end)

  it("knows what a mistyped command means", function()
    refuses({ "evnets" }, "there is no command 'evnets'; did you mean 'events'?")
    refuses({ "help", "stte" }, "did you mean 'state'?")
  end)

  it("says what is wrong with where messages come from", function()
    local shop = "fixtures/shop.lua"
    local memory = { "--store", "memory:" }
    local function consume(...)
      return table.move(memory, 1, 2, select("#", ...) + 2, { "consume", ... })
    end
    refuses(consume(shop), "`neap consume` needs FROM")
    refuses(consume(shop, "kafka://h"), "messages come from nats: and tls: URLs")
    refuses(consume(shop, "nats://h"), "the URL needs stream=NAME and consumer=NAME")
    refuses(consume(shop, "nats://h", "--commands", "Pay"),
      "--commands takes TYPE=COMMAND,…, not 'Pay'")
    refuses(consume(shop, "nats://h?stream=S&consumer=c", "--pending", "2000"),
      "option pending is 2000; from 1 to 1024 is allowed")
  end)

  it("does not guess what is far from every command", function()
    local _, _, err = neap.run { "frobnicate" }
    assert.truthy(err:find("there is no command 'frobnicate'\n", 1, true), err)
  end)

  it("knows what a mistyped option means", function()
    refuses({ "events", "--bakward" },
      "`neap events` has no option --bakward; did you mean --backward?")
    refuses({ "events", "--steam=Order-1" }, "no option --steam; did you mean --stream?")
    refuses({ "events", "-x" }, "`neap events` has no option -x\n")
    refuses({ "--verbose" }, "`neap` has no option --verbose")
  end)

  it("names the operand that is missing", function()
    refuses({ "run" }, "`neap run` needs DOMAIN.lua")
    refuses({ "state", "shop.lua", "Order" }, "`neap state` needs ID")
    refuses({ "query", "shop.lua" }, "`neap query` needs NAME")
    refuses({ "check" }, "`neap check` needs DOMAIN.lua")
  end)

  it("refuses operands that it has no use for", function()
    refuses({ "events", "Order-1" }, "`neap events` does not know what to do with 'Order-1'")
    refuses({ "check", "a.lua", "b.lua" }, "'b.lua'")
  end)

  it("takes what follows -- for operands", function()
    refuses({ "events", "--", "--limit" }, "does not know what to do with '--limit'")
  end)

  it("wants values where there must be one, and none where there is none", function()
    refuses({ "events", "--limit" }, "--limit needs a value: --limit N")
    refuses({ "events", "--store=" }, "--store needs a value: --store URL")
    refuses({ "events", "--type", "," }, "--type needs a value")
    refuses({ "events", "--backward=yes" }, "--backward takes no value")
  end)

  it("takes whole numbers from 1", function()
    for _, value in ipairs { "0", "-1", "x", "1x", "1.5", "18446744073709551616" } do
      refuses({ "events", "--from=" .. value },
        "--from takes a whole number from 1, not '" .. value .. "'")
    end
    refuses({ "state", "shop.lua", "Order", "o-1", "--at", "0" },
      "--at takes a whole number from 1, not '0'")
  end)

  it("refuses options that contradict each other", function()
    refuses({ "events", "--stream", "A-1", "--category", "A" }, "exclude each other")
    refuses({ "events", "--follow", "--backward" }, "--follow has no end")
    refuses({ "events", "--follow", "--to", "3" }, "--follow has no end")
  end)

  it("shows control characters of a name as question marks", function()
    refuses({ "\27[31mred" }, "there is no command '?[31mred'")
  end)

  it("refuses a store of a kind that it does not have", function()
    refuses({ "events", "--store", "oracle:shop" }, "oracle")
  end)

  it("notices that stdout cannot take what it prints", function()
    local status, _, err = neap.run({ "help" }, { out = ">/dev/full" })
    assert.equal(1, status)
    assert.equal("neap: cannot write to stdout: No space left on device\n", err)
  end)

  it("notices that stdout is closed", function()
    local status, _, err = neap.run({ "help" }, { out = ">&-" })
    assert.equal(1, status)
    assert.truthy(err:find("cannot write to stdout", 1, true), err)
  end)
end)
