-- Ready middleware in a domain.

local neap = require "neap"
local domains = require "spec.lua.domains"
local passing = require "spec.lua.middleware.passing"

local function source(middleware)
  return ([[
local neap = require "neap"
local spec = neap.domain "spec"
local Added = spec:event "Added" { id = "string", n = "integer" }
spec:command "Add" { id = "string", n = "integer" }
local Total = spec:query "Total" { id = "string" }
spec:aggregate "Counter" {
  key = "id",
  initial = { total = 0 },
  commands = { Add = function(_, command)
    if command.n < 0 then return neap.reject("negative", "only more") end
    return Added(command)
  end },
  events = { Added = function(counter, event) counter.total = counter.total + event.n end },
}
local asked = 0
spec:answer(Total, function(query, context)
  asked = asked + 1
  return { total = (context:state("Counter", query.id) or { total = 0 }).total, asked = asked }
end)
%s
return spec
]]):format(middleware)
end

describe("ready middleware", function()
  it("works together in a domain", function()
    local runtime <close> = assert(domains.open(source [[
      local metrics = neap.middleware.metrics()
      spec:use(metrics)
      spec:use(neap.middleware.logging {})
      spec:use(neap.middleware.authorisation { rules = { Add = "clerk" }, others = true })
      spec:use(neap.middleware.rate_limit { rate = 1000 })
      spec:use(neap.middleware.validation {
        Add = function(command) return command.n ~= 0, "adds nothing" end })
      spec:use(neap.middleware.cache { queries = { "Total" }, clear_on = { "Added" } })
      spec:use(neap.middleware.retry { first_delay = 0.001 })
      spec:use(neap.middleware.circuit_breaker())
      spec:use(neap.middleware.timeout(20))
      spec:answer(spec:query "Metrics" {}, function() return metrics:read() end)
    ]]))
    local clerk = { meta = { roles = "clerk" } }
    assert(runtime:dispatch("Add", { id = "a", n = 1 }, clerk))
    local codes = {}
    for n, meta in pairs { [0] = clerk, [2] = {}, [-1] = clerk } do
      codes[n] = select(2, runtime:dispatch("Add", { id = "a", n = n }, meta)).code
    end
    assert.same({ [0] = "invalid", [2] = "forbidden", [-1] = "negative" }, codes)
    assert.same({ total = 1, asked = 1 }, runtime:query("Total", { id = "a" }))
    assert.same({ total = 1, asked = 1 }, runtime:query("Total", { id = "a" }))
    assert(runtime:dispatch("Add", { id = "a", n = 5 }, clerk))
    assert.same({ total = 6, asked = 2 }, runtime:query("Total", { id = "a" }))
    local counted = runtime:query "Metrics"
    assert.equal(5, counted.commands.Add.count)
    assert.same({ invalid = 1, forbidden = 1, negative = 1 }, counted.commands.Add.failures)
    assert.equal(3, counted.queries.Total.count)
    assert.equal(1, counted.queries.Metrics.under_way)
  end)

  it("is checked against the domain, at its line", function()
    for definition, message in pairs {
      ["validation { Ad = function() end }"] =
        "neap.middleware.validation: 'Ad' is not defined; did you mean 'Add'?",
      ["validation { Added = function() end }"] =
        "neap.middleware.validation: 'Added' is an event",
      ["authorisation { rules = { Totl = true } }"] =
        "neap.middleware.authorisation: 'Totl' is not defined; did you mean 'Total'?",
      ["cache { queries = { 'Add' } }"] = "neap.middleware.cache: 'queries': 'Add' is a command",
      ["cache { clear_on = { 'Aded' } }"] =
        "neap.middleware.cache: 'clear_on': 'Aded' is not defined; did you mean 'Added'?",
      ["retry { atempts = 1 }"] =
        "neap.middleware.retry knows no key 'atempts'; did you mean 'attempts'?",
      ["rety {}"] = "neap.middleware has no 'rety'; did you mean 'retry'?",
    } do
      local _, err = domains.open(source("spec:use(neap.middleware." .. definition .. ")"))
      assert.equal("domain.lua:20: " .. message, err.message)
    end
  end)

  it("can be required by itself", function()
    assert.equal(neap.middleware.retry, require "neap.middleware.retry")
    assert.equal("neap.middleware has no 'rety'; did you mean 'retry'?", passing.mistake(function()
      return neap.middleware.rety
    end))
  end)
end)
