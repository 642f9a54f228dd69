local neap = require "neap"
local passing = require "spec.lua.middleware.passing"

describe("validation", function()
  local function ask(check, fields)
    local next = passing.next "done"
    local _, err = neap.middleware.validation { Do = check }(fields, passing.context(), next)
    assert.equal(err == nil, next.calls == 1)
    return err and err.code .. ": " .. err.message or "ok"
  end

  it("asks before a message is handled", function()
    local function check(message) return message.total > 0, "the total must be above 0" end
    assert.equal("ok", ask(check, { total = 1 }))
    assert.equal("invalid: the total must be above 0", ask(check, { total = 0 }))
    assert.equal("invalid: Do is not valid", ask(function() end, {}))
  end)

  it("passes on what it has no check for", function()
    local next = passing.next "done"
    neap.middleware.validation {}({}, passing.context(), next)
    assert.equal(1, next.calls)
  end)

  it("has its checks checked", function()
    assert.equal("neap.middleware.validation needs a table of functions by messages' names, but "
      .. "got nil", passing.mistake(neap.middleware.validation))
    assert.equal("neap.middleware.validation: 'Do' must be a function, but is a boolean",
      passing.mistake(neap.middleware.validation, { Do = true }))
  end)
end)
