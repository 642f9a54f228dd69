-- Rows of projections: how much each customer paid, and each payment. %NOTE% stands for a text of
-- the test's, so that the schema can change.
local neap = require "neap"
local shop = neap.domain "shop"

local Paid = shop:event "Paid" { id = "string", customer = "string?", cents = "integer" }
shop:command "Pay" { id = "string", customer = "string?", cents = "integer" }

shop:aggregate "Payment" {
  key = "id",
  initial = {},
  commands = {
    Pay = function(_, command)
      return Paid { id = command.id, customer = command.customer, cents = command.cents }
    end,
  },
  events = { Paid = function() end },
}

local function label(customer) return customer or "nobody" end

shop:projection "customers" {
  key = function(event) return label(event.customer) end,
  partitions = 3,
  schema = [[
    CREATE TABLE {customers} (name TEXT PRIMARY KEY, cents INTEGER NOT NULL, count INTEGER);
    CREATE INDEX {by_cents} ON {customers} (cents)]],
  events = {
    Paid = function(sql, event)
      sql([[INSERT INTO {customers} VALUES (?, ?, 1) ON CONFLICT (name) DO UPDATE
            SET cents = {customers}.cents + excluded.cents, count = {customers}.count + 1]],
        label(event.customer), event.cents)
    end,
  },
}

-- A position twice would be refused: the table's key is against it.
shop:projection "payments" {
  schema = [[CREATE TABLE {payments} (position INTEGER PRIMARY KEY, customer TEXT, euros REAL,
    large INTEGER, note TEXT DEFAULT '%NOTE%')]],
  events = {
    Paid = function(sql, event, context)
      sql("INSERT INTO {payments} (position, customer, euros, large) VALUES (?, ?, ?, ?)",
        context.event.position, event.customer, event.cents / 100, event.cents > 500)
      if event.cents == 666 then sql("UPDATE {payments} SET position = 1") end
    end,
  },
}

return shop
