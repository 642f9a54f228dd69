local neap = require "neap"
local domain = neap.domain "hosted"

domain:event "Paid" { amount = "integer" }
domain:command "Pay" { amount = "integer" }
domain:query "Balance" {}

return domain
