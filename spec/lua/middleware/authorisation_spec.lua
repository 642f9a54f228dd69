local neap = require "neap"
local passing = require "spec.lua.middleware.passing"

describe("authorisation", function()
  local function ask(policy, name, meta)
    local next = passing.next "done"
    local context = passing.context { name = name, meta = meta or {} }
    local _, err = neap.middleware.authorisation(policy)({ total = 7 }, context, next)
    assert.equal(err == nil, next.calls == 1)
    return err and err.status .. " " .. err.code .. ": " .. err.message or "ok"
  end

  it("asks a function", function()
    local function policy(message, context)
      return message.total < 10 and context.meta.user == "ada", "ada only"
    end
    assert.equal("ok", ask(policy, "Do", { user = "ada" }))
    assert.equal("rejected forbidden: ada only", ask(policy, "Do", { user = "bob" }))
    assert.equal("rejected forbidden: the caller may not send Do",
      ask(function() return false end, "Do"))
  end)

  it("asks for roles", function()
    local policy = { rules = {
      Place = { "clerk", "admin" }, Cancel = "admin", Get = true, Drop = false,
      Do = function(message) return message.total == 7 end,
    } }
    local refused = "rejected forbidden: the caller may not send "
    assert.equal("ok", ask(policy, "Place", { roles = "guest, clerk" }))
    assert.equal("ok", ask(policy, "Cancel", { roles = "admin" }))
    assert.equal("ok", ask(policy, "Get"))
    assert.equal("ok", ask(policy, "Do"))
    assert.equal(refused .. "Place", ask(policy, "Place", { roles = "clerks" }))
    assert.equal(refused .. "Cancel", ask(policy, "Cancel"))
    assert.equal(refused .. "Drop", ask(policy, "Drop", { roles = "admin" }))
    assert.equal(refused .. "Other", ask(policy, "Other", { roles = "admin" }))
    policy.others = true
    assert.equal("ok", ask(policy, "Other"))
  end)

  it("takes roles from where it is told to", function()
    local policy = { rules = { Do = "admin" }, roles = function(context)
      return { context.meta.user == "ada" and "admin" or "guest" }
    end }
    assert.equal("ok", ask(policy, "Do", { user = "ada" }))
    assert.truthy(ask(policy, "Do", { user = "bob" }):find "forbidden")
  end)

  it("has its rules checked", function()
    for message, policy in pairs {
      ["neap.middleware.authorisation needs the key 'rules'"] = {},
      ["neap.middleware.authorisation: the rule of 'Do' must be roles, true, false or a function, "
        .. "but is a number"] = { rules = { Do = 3 } },
      ["neap.middleware.authorisation: the rule of 'Do' must be a list of texts, but has a "
        .. "number"] =
        { rules = { Do = { 3 } } },
    } do
      assert.equal(message, passing.mistake(neap.middleware.authorisation, policy))
    end
  end)
end)
