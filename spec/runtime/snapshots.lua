-- One aggregate for each policy of snapshots; all of them add.
local neap = require "neap"
local domain = neap.domain "snapshots"

local function adding(name, snapshot, fold)
  local Added = domain:event(name .. "Added") { id = "string", n = "integer" }
  domain:command("AddTo" .. name) { id = "string", n = "integer" }
  domain:aggregate(name) {
    key = "id",
    initial = { total = 0 },
    commands = { ["AddTo" .. name] = function(_, command) return Added(command) end },
    events = {
      [name .. "Added"] = function(state, event)
        state.total = state.total + event.n
        if fold then fold(state, event) end
      end,
    },
    snapshot = snapshot,
  }
end

adding("Counted", { every = 5 })
adding("Timed", { after = 60 })
adding("Both", { every = 5, after = 60, keep = 1 })
adding("Pinned", { every = 5, version = 3 })
adding("Plain", nil)
adding("Unsavable", { every = 1 }, function(state) state.call = function() end end)
adding("Growing", { every = 1 }, function(state, event)
  state.text = event.n < 0 and "" or (state.text or "") .. string.rep("x", event.n)
end)

return domain
