-- The same with rows of SQL.
local domain = require "folds"

domain:projection "rows" {
  schema = "CREATE TABLE {rows} (id TEXT PRIMARY KEY, count INTEGER, sum INTEGER)",
  events = {
    Added = function(sql, event)
      sql([[INSERT INTO {rows} VALUES (?, 1, ?) ON CONFLICT (id)
            DO UPDATE SET count = {rows}.count + 1, sum = {rows}.sum + excluded.sum]],
        event.id, event.n)
    end,
    Gone = function(sql, event) sql("DELETE FROM {rows} WHERE id = ?", event.id) end,
  },
}

return domain
