-- Things, what follows from them, and who is told: what is tried with several processes.
local neap = require "neap"
local domain = neap.domain "shared"

local Added = domain:event "Added" { id = "string", n = "integer" }
local Told = domain:event "Told" { of = "string" }
local Seated = domain:event("Seated", { tags = { "room" } }) { room = "string", guest = "string" }
local Tell = domain:command "Tell" { of = "string" }
domain:command "Add" { id = "string", n = "integer" }
domain:command "Limit" { id = "string", most = "integer" }
domain:command "Seat" { room = "string", guest = "string" }
local Count = domain:query "Count" { id = "string" }

domain:aggregate "Thing" {
  key = "id",
  initial = { count = 0, sum = 0 },
  commands = {
    Add = function(_, command) return Added(command) end,
    Limit = function(thing, command)
      if thing.count >= command.most then return neap.reject("full", "there are enough") end
      return Added { id = command.id, n = 0 }
    end,
  },
  events = {
    Added = function(thing, event)
      thing.count, thing.sum = thing.count + 1, thing.sum + event.n
    end,
  },
}

domain:aggregate "Room" {
  tags = { "room" },
  initial = { guests = 0 },
  commands = {
    Seat = function(room, command)
      if room.guests >= 2 then return neap.reject("full", "two sit there") end
      return Seated(command)
    end,
  },
  events = { Seated = function(room) room.guests = room.guests + 1 end },
}

-- However often it is told: what was told twice shows in the stream's version.
domain:aggregate "Note" {
  key = "of",
  initial = {},
  commands = { Tell = function(_, command) return Told(command) end },
  events = { Told = function() end },
}

domain:answer(Count, function(query, context)
  local thing = context:state("Thing", query.id)
  return { count = thing and thing.count or 0 }
end)

local function fold(doc, event)
  doc.count, doc.sum = (doc.count or 0) + 1, (doc.sum or 0) + event.n
end
domain:projection "one" { key = "id", events = { Added = fold } }
domain:projection "parts" { key = "id", partitions = 3, events = { Added = fold } }

-- What it sees, in order, is in a file of all processes.
domain:service("book", function()
  local path = os.getenv "SHARED_BOOK"
  local file = path and assert(io.open(path, "a"))
  return {
    note = function(line)
      if not file then return end
      file:write(line, "\n")
      file:flush()
    end,
  }
end)
domain:subscriber "reader" {
  partitions = 2,
  events = {
    Added = function(event, context)
      context.services.book.note(("%s %d"):format(event.id, context.event.version))
    end,
  },
}

domain:subscriber "teller" {
  retry = { attempts = 2, first_delay = 0 },
  events = {
    Added = function(event, context)
      if event.n == 13 then error "nobody speaks of that" end
      context:send(Tell { of = ("%s_%d"):format(event.id, context.event.version) })
    end,
  },
}

domain:saga "waiter" {
  key = "id", initial = {}, starts = { "Added" },
  events = {
    Added = function(saga, event, context)
      if not saga.waits then context:timeout("late", 0.5) end
      saga.waits = event.id
    end,
  },
  timeouts = {
    late = function(saga, context)
      context:send(Tell { of = "saga_" .. saga.waits })
      context:complete()
    end,
  },
}

return domain
