-- The world with its read side, and a projection that keeps rows: for stores with SQL.
local world = require "subscribed"

local function add(sign)
  return function(sql, event)
    sql([[INSERT INTO {rows} VALUES (?1, ?2, 1, ?3 % 1000003) ON CONFLICT (account) DO UPDATE SET
      balance = balance + ?2, count = count + 1, digest = (digest * 31 + ?3) % 1000003]],
      event.account, sign * event.amount, event.op)
  end
end

world:projection "rows" {
  key = "account",
  partitions = 2,
  schema = [[CREATE TABLE {rows} (account TEXT PRIMARY KEY, balance INTEGER NOT NULL,
    count INTEGER NOT NULL, digest INTEGER NOT NULL)]],
  events = { Deposited = add(1), Withdrawn = add(-1) },
}

return world
