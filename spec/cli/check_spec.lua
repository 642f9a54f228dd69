local neap = require "neap_command"

describe("neap check", function()
  it("lists what the domain defines, in columns", function()
    local status, out, err = neap.run { "check", "fixtures/shop.lua" }
    assert.equal(0, status)
    assert.equal("neap: shop: 3 commands, 2 events, 3 queries, 1 aggregate; nothing wrong\n", err)
    for _, line in ipairs {
      "event      OrderPlaced   -       fixtures/shop.lua:4\n",
      "command    ShipOrder     Order   fixtures/shop.lua:11\n",
      "query      GetNothing    answer  fixtures/shop.lua:14\n",
      "aggregate  Order         -       fixtures/shop.lua:17\n",
    } do
      assert.truthy(out:find(line, 1, true), out)
    end
  end)

  it("names commands and queries that nothing handles", function()
    local status, out, err = neap.run { "check", "fixtures/unhandled.lua" }
    assert.equal(1, status)
    assert.truthy(out:find("command    Ignore", 1, true), out)
    assert.equal("neap: fixtures/unhandled.lua:4: nothing handles the command Ignore\n" ..
      "neap: fixtures/unhandled.lua:5: nothing handles the query GetIgnored\n" ..
      "neap: lost: 1 command, 0 events, 1 query, 0 aggregates; 2 without a handler\n", err)
  end)

  it("says where the domain is wrong", function()
    local status, out, err = neap.run { "check", "fixtures/syntax.lua" }
    assert.same({ 1, "" }, { status, out })
    assert.truthy(err:find("fixtures/syntax.lua:", 1, true), err)
    status, out, err = neap.run { "check", "fixtures/mistyped.lua" }
    assert.same({ 1, "" }, { status, out })
    assert.truthy(err:find("fixtures/mistyped.lua:", 1, true), err)
    assert.truthy(err:find("did you mean", 1, true), err)
    assert.truthy(err:find("PlaceOrder", 1, true), err)
  end)

  it("refuses a file that there is not", function()
    local status, out, err = neap.run { "check", "fixtures/missing.lua" }
    assert.same({ 2, "" }, { status, out })
    assert.truthy(err:find("fixtures/missing.lua", 1, true), err)
  end)
end)
