-- A domain with a past that evolution_test.c writes into its stores.
local neap = require "neap"
local spec = neap.domain "spec"

local Added = spec:event("Added", { formerly = "Counted", tags = { "id" } })
  { id = "string", n = "integer" }
Added:upcast(function(data)
  if data.raise then error "raised" end
  return { id = data.id, n = data.count * 10 }
end)
spec:retired "Opened"
spec:retired("AddedTwice", function(data)
  return Added { id = data.id, n = data.n }, Added { id = data.id, n = data.n }
end)
local Other = spec:event("Other", { tags = { "id" } }) { id = "string" }
Other:upcast(function(data) return Added { id = data.id, n = 1000 } end)
spec:event("Alone", { tags = { "id" }, formerly = "Lonely" }) { id = "string" }

spec:command "Add" { id = "string", n = "integer" }
spec:command "AddTagged" { id = "string", n = "integer" }

local function definition(command)
  return {
    initial = { sum = 0, events = 0 },
    commands = {
      [command] = function(state, given)
        print("deciding on " .. state.sum)
        return Added(given)
      end,
    },
    events = {
      Added = function(state, event)
        state.sum, state.events = state.sum + event.n, state.events + 1
      end,
    },
  }
end

local counter, tagged = definition "Add", definition "AddTagged"
counter.key, tagged.tags = "id", { "id" }
spec:aggregate "Counter" (counter)
spec:aggregate "Tagged" (tagged)

return spec
