-- Projections of the same events: what they keep does not depend on how they are divided, nor on
-- what they keep it in.
local neap = require "neap"
local domain = neap.domain "histories"

domain:event "Added" { id = "string", n = "integer" }
domain:event "Named" { id = "string", name = "string" }
domain:event "Moved" { id = "string", n = "integer", other = "string" }
domain:event "Gone" { id = "string" }

local function projection(partitions, live)
  return {
    partitions = partitions,
    live = live,
    key = {
      Added = "id", Named = "id", Gone = "id",
      Moved = function(event)
        if event.id == event.other then return event.id end
        return event.id, event.other
      end,
    },
    events = {
      Added = function(doc, event)
        doc.sum, doc.count = (doc.sum or 0) + event.n, (doc.count or 0) + 1
      end,
      Named = function(doc, event)
        if event.name == "new" then return { name = event.name } end
        doc.name = event.name
      end,
      Moved = function(doc, event) doc.moves = (doc.moves or 0) + event.n end,
      Gone = function() return neap.delete end,
    },
  }
end

domain:projection "one" (projection(1))
domain:projection "many" (projection(3))
domain:projection "asked" (projection(nil, true))

local function moved(sql, id, n)
  sql([[INSERT INTO {rows} (id, moves) VALUES (?, ?)
        ON CONFLICT (id) DO UPDATE SET moves = coalesce({rows}.moves, 0) + excluded.moves]], id, n)
end

domain:projection "rows" {
  schema = [[CREATE TABLE {rows}
    (id TEXT PRIMARY KEY, count INTEGER, moves INTEGER, name TEXT, sum INTEGER)]],
  events = {
    Added = function(sql, event)
      sql([[INSERT INTO {rows} (id, count, sum) VALUES (?, 1, ?)
            ON CONFLICT (id) DO UPDATE SET count = coalesce({rows}.count, 0) + 1,
              sum = coalesce({rows}.sum, 0) + excluded.sum]], event.id, event.n)
    end,
    Named = function(sql, event)
      if event.name == "new" then sql("DELETE FROM {rows} WHERE id = ?", event.id) end
      sql([[INSERT INTO {rows} (id, name) VALUES (?, ?)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name]], event.id, event.name)
    end,
    Moved = function(sql, event)
      moved(sql, event.id, event.n)
      if event.other ~= event.id then moved(sql, event.other, event.n) end
    end,
    Gone = function(sql, event) sql("DELETE FROM {rows} WHERE id = ?", event.id) end,
  },
}

-- How many events each history has, in the unit of the event itself.
local function count(doc) doc.count = (doc.count or 0) + 1 end
domain:projection "counted" {
  inline = true,
  key = function(event) return (event.id:match "^%d+") end,
  events = { Added = count, Named = count, Moved = count, Gone = count },
}

return domain
