-- Things, what projections make of them, and who is told of them: what is tried with crashes.
local neap = require "neap"
local domain = neap.domain "folds"

local Added = domain:event "Added" { id = "string", n = "integer" }
local Gone = domain:event "Gone" { id = "string" }
domain:command "Add" { id = "string", n = "integer" }
domain:command "Drop" { id = "string" }
domain:aggregate "Thing" {
  key = "id",
  initial = {},
  commands = {
    Add = function(_, command) return Added(command) end,
    Drop = function(_, command) return Gone(command) end,
  },
  events = { Added = function() end, Gone = function() end },
}

local events = {
  Added = function(doc, event)
    doc.count, doc.sum = (doc.count or 0) + 1, (doc.sum or 0) + event.n
  end,
  Gone = function() return neap.delete end,
}
domain:projection "one" { key = "id", events = events }
domain:projection "parts" { key = "id", partitions = 3, events = events }
domain:projection "held" { key = "id", inline = true, events = events }

-- Each is told once; 13 is a dead letter, and what comes for the same thing behind it waits.
local Told = domain:event "Told" { of = "string", n = "integer" }
local Tell = domain:command "Tell" { of = "string", n = "integer" }
domain:aggregate "Note" {
  key = "of",
  initial = {},
  commands = { Tell = function(_, command) return Told(command) end },
  events = { Told = function() end },
}
domain:subscriber "teller" {
  partitions = 2,
  retry = { attempts = 2, first_delay = 0 },
  events = {
    Added = function(event, context)
      if event.n == 13 then error "nobody speaks of that" end
      context:send(Tell { of = ("%s_%d"):format(event.id, context.event.version), n = event.n })
    end,
  },
}

return domain
