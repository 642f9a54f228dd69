-- Accounts that may not be overdrawn: what one lane decides, a plain handler that gives money to
-- accounts of several, and a query.
local neap = require "neap"
local domain = neap.domain "bank"

local Deposited = domain:event "Deposited" { account = "string", amount = "integer" }
local Withdrawn = domain:event "Withdrawn" {
  account = "string", amount = "integer", at = "integer",
}
domain:command "Deposit" { account = "string", amount = "integer" }
domain:command "Withdraw" { account = "string", amount = "integer", at = "integer?" }
local Grant = domain:command "Grant" { accounts = { "string" }, amount = "integer" }
local Balance = domain:query "Balance" { account = "string" }

domain:aggregate "Account" {
  key = "account",
  initial = { balance = 0, last = 0 },
  commands = {
    Deposit = function(_, command)
      if command.amount == 0 then print "nothing" end
      return Deposited { account = command.account, amount = command.amount }
    end,
    Withdraw = function(account, command)
      if account.balance < command.amount then
        return neap.reject("overdrawn", "the account holds " .. account.balance)
      end
      return Withdrawn { account = command.account, amount = command.amount, at = command.at or 0 }
    end,
  },
  events = {
    Deposited = function(account, event) account.balance = account.balance + event.amount end,
    Withdrawn = function(account, event)
      account.balance, account.last = account.balance - event.amount, event.at
    end,
  },
}

domain:handle(Grant, function(command, context)
  for _, account in ipairs(command.accounts) do
    context:publish(Deposited { account = account, amount = command.amount },
      { stream = "Account-" .. account })
  end
end)

domain:answer(Balance, function(query, context)
  local account = context:state("Account", query.account)
  return account and account.balance or 0
end)

return domain
