-- An account and nothing else: a domain of pure code, which needs no reaction lane.
local neap = require "neap"
local domain = neap.domain "purse"

local Changed = domain:event "Changed" { by = "integer" }
domain:command "Deposit" { account = "string", amount = "integer" }
domain:command "Withdraw" { account = "string", amount = "integer" }

domain:aggregate "Account" {
  key = "account",
  initial = { balance = 0 },
  commands = {
    Deposit = function(_, command) return Changed { by = command.amount } end,
    Withdraw = function(account, command)
      if account.balance < command.amount then return neap.reject("overdrawn", "it is empty") end
      return Changed { by = -command.amount }
    end,
  },
  events = { Changed = function(account, event) account.balance = account.balance + event.by end },
}

return domain
