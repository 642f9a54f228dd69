local neap = require "neap"
local domain = neap.domain "roomy"

local Kept = domain:event "Kept" { id = "string", text = "string" }
domain:command "Keep" { id = "string", text = "string" }
local Build = domain:query "Build" { rows = "integer" }

domain:aggregate "Box" {
  key = "id",
  initial = { text = "", count = 0 },
  commands = {
    Keep = function(_, command) return Kept { id = command.id, text = command.text } end,
  },
  events = {
    Kept = function(box, event)
      box.text = event.text
      box.count = box.count + 1
    end,
  },
}

-- Needs memory for a while: about 110 bytes a row.
domain:answer(Build, function(query)
  local rows = {}
  for i = 1, query.rows do rows[i] = { i, i } end
  return #rows
end)

return domain
