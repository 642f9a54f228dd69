-- What the REPL says of what it changed, where going there fails.

local dispatching = require "neap.repl_dispatch"

-- A session whose commands take effect at position 7.
local function session_of(pending, more)
  local session = {
    writer = { send = function() return pending end }, branches = {},
    past = { position = function() return 3 end },
    history = { last = function() return 7 end },
    go_on = function() return true end,
    interrupted = function() return false end,
  }
  for key, each in pairs(more) do session[key] = each end
  return session
end

local done = {
  done = function() return true end,
  wait = function() return { position = 7, events = { "Placed" } } end,
}

describe("dispatch in the REPL", function()
  it("says that it took effect where the session cannot go there", function()
    local session = session_of(done, { move = function() error("stopped at position 5", 0) end })
    local ok, err = pcall(dispatching.dispatch, session, "Place", {})
    assert.is_false(ok)
    assert.equal("it took effect, but the session did not come to 7: stopped at position 5", err)
  end)

  it("says that it may take effect where nobody waits for it any more", function()
    local taken = false
    local pending = { done = function() return false end, wait = function() end }
    local session = session_of(pending, {
      go_on = function(position, target)
        assert.same({ 3, 3 }, { position, target })
        return false
      end,
      interrupted = function() taken = true return true end,
    })
    local ok, err = pcall(dispatching.dispatch, session, "Place", {})
    assert.same({ false, "interrupted: it was handed over, and may still take effect", true },
      { ok, err, taken })
  end)
end)
