local neap = require "neap"
local domain = neap.domain "history"

local Added = domain:event "Added" { id = "string", n = "integer" }
domain:command "Add" { id = "string", n = "integer" }

domain:aggregate "Counter" {
  key = "id",
  initial = { total = 0 },
  commands = {
    Add = function(_, command) return Added { id = command.id, n = command.n } end,
  },
  events = {
    Added = function(counter, event) counter.total = counter.total + event.n end,
  },
}

domain:projection "totals" {
  key = "id",
  events = { Added = function(doc, event) doc.total = (doc.total or 0) + event.n end },
}

return domain
