local neap = require "neap_command"

local mailing = "fixtures/mailing.lua"

describe("neap reset", function()
  local folder, store

  before_each(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/mailing.db"
  end)

  after_each(function()
    neap.remove(folder)
  end)

  -- What the mailer mails while these commands run.
  local function mailed(lines)
    local status, _, err = neap.run({ "run", mailing, "--store", store }, { stdin = lines })
    assert.equal(0, status)
    local found = {}
    for id in err:gmatch "mail for (%S+)" do found[#found + 1] = id end
    return table.concat(found, " ")
  end

  local function ship(id)
    return ('{"command":"Ship","data":{"id":"%s"}}\n'):format(id)
  end

  it("has a subscriber handle events again, or pass over some", function()
    assert.equal("a b", mailed(ship "a" .. ship "b"))
    assert.equal("", mailed "")
    assert.same({ 0, "", "" }, { neap.run { "reset", "mailer", "--to", "beginning",
      "--store", store } })
    assert.equal("a b", mailed "")
    assert.same({ 0, "", "" }, { neap.run { "reset", "mailer", "--to", "1", "--store", store } })
    assert.equal("b c", mailed(ship "c"))
    assert.equal(0, (neap.run { "reset", "mailer", "--to", "beginning", "--store", store }))
    assert.equal(0, (neap.run { "reset", "mailer", "--to", "now", "--store", store }))
    assert.equal("d", mailed(ship "d"))
  end)

  it("refuses what is none", function()
    mailed(ship "a")
    for name, message in pairs {
      parcels = "'parcels' is a projection: it is rebuilt",
      nobody = "the store knows no subscription 'nobody'",
    } do
      local status, out, err = neap.run { "reset", name, "--to", "now", "--store", store }
      assert.same({ 1, "" }, { status, out })
      assert.truthy(err:find(message, 1, true), err)
    end
    local status, _, err = neap.run { "reset", "mailer", "--to", "9", "--store", store }
    assert.equal(1, status)
    assert.truthy(err:find("position 9: the store's last is 1", 1, true), err)
    for _, to in ipairs { "end", "-1", "1x", "" } do
      assert.equal(2, (neap.run { "reset", "mailer", "--to", to, "--store", store }))
    end
    assert.equal(2, (neap.run { "reset", "mailer", "--store", store }))
    assert.equal(3, (neap.run { "reset", "mailer", "--to", "now",
      "--store", "sqlite:" .. folder .. "/no/such.db" }))
  end)
end)
