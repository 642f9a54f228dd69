-- A till that counts; it refuses what is negative, and fails at 13.
local neap = require "neap"
local till = neap.domain "till"

local Paid = till:event "Paid" { till = "string", amount = "integer" }
till:command "Pay" { till = "string", amount = "integer" }

till:aggregate "Till" {
  key = "till",
  initial = { sum = 0, payments = 0 },
  commands = {
    Pay = function(_, command)
      if command.amount < 0 then return neap.reject("negative", "only what is positive is paid") end
      if command.amount == 13 then error("thirteen") end
      return Paid(command)
    end,
  },
  events = {
    Paid = function(state, event)
      state.sum, state.payments = state.sum + event.amount, state.payments + 1
    end,
  },
}

return till
