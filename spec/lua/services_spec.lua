-- Services: made when the runtime starts, used by plain handlers and queries, replaced by hosts.

local domains = require "spec.lua.domains"

local function source(declared)
  return ([[
local neap = require "neap"
local spec = neap.domain "spec"
local Done = spec:event "Done" { value = "any?" }
local Do = spec:command "Do" { value = "any?" }
local Decide = spec:command "Decide" { id = "string" }
local Decided = spec:event "Decided" { id = "string" }
local Ask = spec:query "Ask" { value = "any?" }
%s
spec:handle(Do, function(command, context)
  local done = Done { value = context.services.mail.send(command.value) }
  context:publish(done, { stream = "Thing-1" })
end)
spec:answer(Ask, function(query, context) return context.services.mail.send(query.value) end)
spec:aggregate "Thing" {
  key = "id",
  commands = { Decide = function(_, command, context)
    context.services.mail.send(1)
    return Decided { id = command.id }
  end },
  events = { Decided = function() end },
}
return spec
]]):format(declared)
end

local mail = [[
spec:service("mail", function(config)
  local sent = 0
  return { send = function(value) sent = sent + 1 return (config.from or "?") .. sent .. value end }
end)
]]

describe("a service", function()
  it("is there in plain handlers and queries, and keeps its state", function()
    local runtime <close> = assert(domains.open(source(mail)))
    assert(runtime:dispatch("Do", { value = "a" }))
    assert.equal("?2b", runtime:query("Ask", { value = "b" }))
    for event in runtime:events {} do assert.equal("?1a", event.data.value) end
  end)

  it("gets its part of the configuration", function()
    local config = { mail = { from = "x" } }
    local runtime <close> = assert(domains.open(source(mail), { config = config }))
    assert.equal("x1b", runtime:query("Ask", { value = "b" }))
  end)

  it("is not for aggregates", function()
    local runtime <close> = assert(domains.open(source(mail)))
    local _, err = runtime:dispatch("Decide", { id = "a" })
    assert.equal("domain.lua:21: context.services is for plain handlers, queries and middleware; "
      .. "what an aggregate decides on must be in the command",
      (err.message:gsub("^.*/", "")))
  end)

  it("can use the clock, and require files beside the domain", function()
    local runtime <close> = assert(domains.open {
      ["domain.lua"] = source [[
spec:service("mail", function() return { send = require("post").send } end)]],
      ["post.lua"] = [[return { send = function() return type(os.time()) end }]],
    })
    assert.equal("number", runtime:query("Ask"))
  end)

  it("is replaced by a module that the host names, a factory or a table", function()
    local files = {
      ["domain.lua"] = source(mail),
      ["fake.lua"] = [[return function(config) return { send = function(v)
        return v .. config.to end } end]],
      ["plain.lua"] = [[return { send = function(v) return v .. "!" end }]],
    }
    local runtime <close> = assert(domains.open(files,
      { services = { mail = "fake" }, config = { mail = { to = "y" } } }))
    assert.equal("by", runtime:query("Ask", { value = "b" }))
    local other <close> = assert(domains.open(files, { services = { mail = "plain" } }))
    assert.equal("b!", other:query("Ask", { value = "b" }))
  end)

  it("that cannot be made is an error of neap.open", function()
    local runtime, err = domains.open(source [[spec:service("mail", function() error "no" end)]])
    assert.is_nil(runtime)
    assert.same({ "handler", "domain.lua:8: no" }, { err.code, err.message })
    runtime, err = domains.open(source [[spec:service("mail", function() end)]])
    assert.is_nil(runtime)
    assert.equal("domain.lua:8: service 'mail' must be a table of functions, but is nothing",
      err.message)
  end)

  it("is declared once, with a name and a function", function()
    local _, err = domains.open(source(mail .. mail))
    assert.equal("domain.lua:12: service 'mail' is already declared at domain.lua:8",
      err.message)
    _, err = domains.open(source [[spec:service("mail", {})]])
    assert.equal("domain.lua:8: service 'mail' needs a function that makes it, but got a table",
      err.message)
    _, err = domains.open(source [[spec:service("ma-il", print)]])
    assert.truthy(err.message:find "a name has no '%-'")
  end)

  it("that is not known is an error with the one that was meant", function()
    local runtime <close> = assert(domains.open((source(mail):gsub("context.services.mail",
      "context.services.mial"))))
    local _, err = runtime:query "Ask"
    assert.truthy(err.message:find("context.services has no 'mial'; did you mean 'mail'?", 1, true))
    for _, option in ipairs { "services", "config" } do
      local _, failure = domains.open(source(mail), { [option] = { mial = "x" } })
      assert.same({ "usage", "option " .. option
        .. ": the domain has no service 'mial'; did you mean 'mail'?" },
        { failure.code, failure.message })
    end
    local _, failure = domains.open(source(mail), { services = { mail = "nowhere" } })
    assert.truthy(failure.message:find "there is no module 'nowhere'")
  end)

  it("cannot come from the host's own Lua", function()
    for options, message in pairs {
      [{ services = { mail = {} } }] = "neap.open: services: 'mail' must be the name of a module "
        .. "beside the domain, but is a table; a lane has a Lua of its own",
      [{ services = 3 }] = "neap.open: 'services' must be a table by services' names, but is a "
        .. "number",
      [{ config = { mail = print } }] = "neap.open: 'config': mail: JSON has no function",
    } do
      local ok, err = pcall(domains.open, source(mail), options)
      assert.is_false(ok)
      assert.truthy(tostring(err):find(message, 1, true), tostring(err))
    end
  end)
end)
