-- The spec kit: what a domain decides, said as given, when, expect.

local check = require "neap.check"
local difference = require "neap.difference"
local domain = require "neap.domain"
local fake = require "neap.fake"
local internal = require "neap.internal"
local neap = require "neap"
local plan = require "neap.plan"
local scenario = require "neap.lasting"
local stored = require "neap.stored"
local temporary = require "neap.temporary"

if internal.own then
  check.misuse "neap.spec is for specifications, which run beside a domain and not in it"
end

---Specifications of domains, for any test framework: what is not as expected is an error at the
---line that expected it.
---
---```lua
---local spec = require "neap.spec"
---local shop = spec.domain "shop.lua"
---local OrderPlaced, ShipOrder, OrderShipped = shop.OrderPlaced, shop.ShipOrder, shop.OrderShipped
---
---shop:given { OrderPlaced { order_id = "o-1", customer = "ada", total = 4200 } }
---  :when(ShipOrder { order_id = "o-1", tracking = "T-77" })
---  :expect(OrderShipped { order_id = "o-1", tracking = "T-77" })
---```
---@class neap.spec
---@field any table in an expected value: anything that is there
local spec = { any = difference.any }

---A domain under specification. It has its messages' constructors as fields, `shop.OrderPlaced`,
---and all methods of a scenario: each begins a new one, on an empty store in memory.
---@class neap.SpecDomain: neap.Scenario
---@field messages table<string, neap.Message>
local SpecDomain = {}

-- ---- Which domain ------------------------------------------------------------------------------

---@param path string
---@return boolean
local function exists(path)
  local file = io.open(path, "r")
  return file ~= nil and file:close()
end

---Beside the file that asks, else where the process is.
---@param path string
---@return string
local function find(path)
  local here = internal.here()
  local folder = string.match(here, "^(.*/)[^/]*$")
  if folder and string.sub(path, 1, 1) ~= "/" and exists(folder .. path) then
    return folder .. path
  end
  return path
end

---@param path string
---@return neap.Domain
local function load(path)
  local loaded, err = internal.load(find(path))
  if err then
    scenario.fail("spec.domain: %s", err.message)
  elseif not domain.is(loaded) then
    scenario.fail("spec.domain: the file %s must return its domain, but returned %s", path,
      loaded == nil and "nothing" or "a " .. type(loaded))
  end
  return loaded
end

---@param self neap.SpecDomain
---@return string[]
local function names_of(self)
  return check.sorted_keys(rawget(self, "messages"))
end

---The definition of a message.
---@param name string
---@param method string
---@return neap.Message
function SpecDomain:message(name, method)
  local message = rawget(self, "messages")[name]
  if not message then
    scenario.fail("%s: the domain has no message '%s'%s", method, name,
      check.did_you_mean(name, names_of(self)))
  end
  return message
end

---Closes what was opened last, which frees its store.
function SpecDomain:close_last()
  local _ <close> = rawget(self, "file")
  local opened = rawget(self, "opened")
  rawset(self, "opened", nil)
  rawset(self, "file", nil)
  if opened then
    opened:close()
  end
end

---The store of a scenario: in memory, but for rows, which need one with SQL.
---@param self neap.SpecDomain
---@return string? url
local function new_store(self)
  for _, projection in ipairs(self:projections()) do
    if projection.schema then
      local file = temporary.store()
      rawset(self, "file", file)
      return file.url
    end
  end
end

---Opens the domain on a store of its own; the runtime before is closed.
---@param services? table<string, any>
---@param clock fun(): integer
---@return neap.Runtime
function SpecDomain:open(services, clock)
  self:close_last()
  local options = {}
  for name, value in pairs(rawget(self, "options")) do
    options[name] = value
  end
  options.services = services or options.services
  options.store = options.store or new_store(self)
  fake.begin(options.services)
  if rawget(self, "recorded") then
    scenario.begin_recording(rawget(self, "recorded"))
  end
  options.lanes, options.clock, options.seed = 0, clock, options.seed or 1
  local runtime, err = neap.open(rawget(self, "defined"), options)
  if not runtime then
    scenario.fail("the domain cannot be opened: %s", tostring(err))
  end
  rawset(self, "opened", runtime)
  return runtime
end

---What was given in the place of the domain's services, for all scenarios.
---@return table<string, any>?
function SpecDomain:services_given()
  return rawget(self, "options").services
end

---The commands that were carried out since they were last forgotten.
---@return neap.CarriedOut
function SpecDomain:carried_out()
  return rawget(self, "recorded")
end

---Forgets them; what waits for its time is known from here on.
---@param runtime neap.Runtime
---@return table<string, true> ids
function SpecDomain:forget_sent(runtime)
  local recorded = rawget(self, "recorded")
  if not recorded then
    return {}
  end
  scenario.forget(recorded)
  return scenario.waiting(runtime)
end

---Whether that is the runtime that was opened last.
---@param runtime neap.Runtime
---@return boolean
function SpecDomain:is_open(runtime)
  return rawget(self, "opened") == runtime
end

-- ---- Streams -----------------------------------------------------------------------------------

---The field that names an instance in its stream.
---@param aggregate table
---@return string
local function naming_field(aggregate)
  return aggregate.key or aggregate.given_tags[1]
end

---@param self neap.SpecDomain
---@param event string
---@return table[] the aggregates that fold it
local function folded_by(self, event)
  local found = {}
  for _, aggregate in ipairs(rawget(self, "defined").aggregates) do
    if aggregate.events[event] then
      found[#found + 1] = aggregate
    end
  end
  return found
end

---@param aggregate table
---@param event table
---@param command? table
---@return string? stream
local function stream_in(aggregate, event, command)
  local field = naming_field(aggregate)
  local id = event.fields[field]
  if id == nil and command and aggregate.commands[command.name] then
    id = command.fields[field]
  end
  if type(id) == "string" or math.type(id) == "integer" then
    return aggregate.name .. "-" .. tostring(id)
  end
end

---Whether there is an aggregate of that name whose instances have streams of their own.
---@param name string
---@return boolean
function SpecDomain:has_key(name)
  for _, aggregate in ipairs(rawget(self, "defined").aggregates) do
    if aggregate.name == name then
      return aggregate.key ~= nil
    end
  end
  return false
end

---The domain's projections, in the order in which it defines them.
---@return table[]
function SpecDomain:projections()
  local found = {}
  for _, one in ipairs(rawget(self, "defined").subscriptions) do
    if one.kind == "projection" then
      found[#found + 1] = one
    end
  end
  return found
end

---The names of the domain's subscribers.
---@return table<string, true>
function SpecDomain:subscribers()
  local names = {}
  for _, one in ipairs(rawget(self, "defined").subscriptions) do
    if one.kind == "subscriber" then
      names[one.name] = true
    end
  end
  return names
end

---The stream that an event belongs to.
---@param event table { name, fields }
---@param command? table of the `when` behind it
---@return string
function SpecDomain:stream_of(event, command)
  local aggregates, streams = folded_by(self, event.name), {}
  for _, aggregate in ipairs(aggregates) do
    streams[#streams + 1] = stream_in(aggregate, event, command)
  end
  if #streams == 1 or #streams > 1 and aggregates[1].given_tags then
    return streams[1]
  end
  local why = #aggregates == 0 and "no aggregate folds it"
    or #streams == 0 and string.format("it has no '%s', which names the %s",
      naming_field(aggregates[1]), aggregates[1].name)
    or "it may be in " .. table.concat(streams, " or ")
  return scenario.fail('given: whose event is %s? %s; say spec.on("%s-…", event)', event.name, why,
    aggregates[1] and aggregates[1].name or "Stream")
end

---Where an event of `spec.stored` is to be recorded, and how.
---@param event table
---@param stream? string where it is said to be
---@param command? table of the `when` behind it
---@return table options of `publish`
function SpecDomain:place_of(event, stream, command)
  return stored.place(self, event, stream, command)
end

-- ---- What it is made of ------------------------------------------------------------------------

local metatable = { __name = "neap.SpecDomain" }

function metatable.__index(self, key)
  local method = SpecDomain[key]
  if method then
    return method
  elseif rawget(scenario.methods, key) then
    return function(_, ...)
      local begun = scenario.new(self)
      return begun[key](begun, ...)
    end
  end
  local message = rawget(self, "messages")[key]
  if not message then
    local names = names_of(self)
    table.move(check.sorted_keys(scenario.methods), 1, #check.sorted_keys(scenario.methods),
      #names + 1, names)
    scenario.fail("the domain '%s' has no '%s'%s", rawget(self, "defined").name, tostring(key),
      check.did_you_mean(tostring(key), names))
  end
  return message
end

function metatable.__newindex()
  scenario.fail "a domain under specification cannot be changed"
end

---Whether somebody in it sends commands.
---@param defined neap.Domain
---@return boolean
local function sends(defined)
  for _, one in ipairs(defined.subscriptions) do
    if one.kind == "saga" or one.kind == "subscriber" then
      return true
    end
  end
  return false
end

---Takes a domain for specification. It runs in this Lua, so that coverage and debuggers see it.
---@param given string | neap.Domain the path of its file, beside the file that asks or else where
--- the process is; or the domain itself
---@param options? neap.Options of each `neap.open`: config, services, limits …
---@return neap.SpecDomain
function spec.domain(given, options)
  local defined = given
  if type(given) == "string" then
    defined = load(given)
  elseif not domain.is(given) then
    scenario.fail("spec.domain needs the path of a domain's file, or a domain, got %s",
      difference.show(given))
  end
  plan.make(defined)
  return setmetatable({
    defined = defined,
    recorded = sends(defined) and scenario.record(defined) or nil,
    messages = domain.messages_by_name(defined),
    options = options or {},
  }, metatable)
end

---Says whose event it is: in `given` where it is recorded, in `expect` where it must be.
---@param stream string as in "Order-o-1"
---@param event any an event, or { name, fields }
---@return table
function spec.on(stream, event)
  if type(stream) ~= "string" then
    scenario.fail("spec.on needs the stream's name as a text, got %s", difference.show(stream))
  end
  return setmetatable({ stream = stream, event = event }, scenario.placed)
end

---An event as an earlier version of the domain stored it, for `given`. Today's schema does not
---check it; all that reads it does so through the domain's upcasters.
---
---```lua
---shop:given { spec.stored("OrderPlaced", 1, { order_id = "o-1", customer = "ada", total = 42 }) }
---  :expect_state("Order", "o-1", { status = "placed", client = "ada", cents = 4200 })
---```
---@param type string any name that the domain reads, also a former or a retired one
---@param schema integer the version of its schema then, from 1
---@param data table as it was stored
---@param options? neap.StoredOptions
---@return table
function spec.stored(type, schema, data, options)
  return stored.new(type, schema, data, options)
end

---A command that is sent for later, for `expect_sent`.
---@param seconds number from now until it is due
---@param command any a command, or { name, fields }
---@return table
function spec.later(seconds, command)
  return scenario.later(seconds, command)
end

---A service that does nothing but keep its calls, for `services`; `expect_called` and
---`expect_calls` look at them.
---
---```lua
---shop:services {
---  mail = spec.fake { "send" },
---  bank = spec.fake { charge = function(amount) return { receipt = "r-" .. amount } end },
---}
---```
---@param functions table names of functions that return nothing, and functions by name that answer
---@return table
function spec.fake(functions)
  return fake.new(functions, scenario.fail)
end

---A rejection to expect.
---@param code string the domain's own
---@param message? string
---@param details? any
---@return table
function spec.rejection(code, message, details)
  if type(code) ~= "string" then
    scenario.fail("spec.rejection needs the rejection's code as a text, got %s",
      difference.show(code))
  end
  return setmetatable({ code = code, message = message, details = details }, scenario.rejected)
end

return check.closed(spec, "neap.spec", {})
