-- A log that is a function of the host's, and the fields that it is given.

local domains = require "spec.lua.domains"

local talking = [[
local neap = require "neap"
local domain = neap.domain "talking"
local Said = domain:event "Said" { id = "string" }
domain:command "Say" { id = "string" }
domain:aggregate "Speaker" {
  key = "id",
  initial = {},
  commands = {
    Say = function(_, command)
      print("saying", command.id)
      if command.id == "no" then return neap.reject("silent", "it does not speak") end
      if command.id == "bad" then error "broken" end
      return Said(command)
    end,
  },
  events = { Said = function() end },
}
domain:handle(domain:command "Tell" { id = "string" }, function(command, context)
  print "telling"
  context:publish(Said { id = command.id }, { stream = "Told-" .. command.id })
end)
domain:answer(domain:query "Ask" { id = "string" }, function() print "asked" return 1 end)
return domain
]]

local parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

local function open(options)
  local said = {}
  options.log = function(level, message, fields)
    said[#said + 1] = { level = level, message = message, fields = fields }
  end
  return assert(domains.open(talking, options)), said
end

describe("a log of the host's", function()
  it("hears what the domain prints, and about what", function()
    local runtime <close>, said = open {}
    local receipt = assert(runtime:dispatch("Say", { id = "a" }, { meta = {
      traceparent = parent } }))
    local one = table.remove(said)
    assert.same({ "info", "saying\ta" }, { one.level, one.message })
    local fields = one.fields
    assert.is_true(fields.lane >= 1)
    assert.same({ "Say", "Speaker-a", receipt.command_id, receipt.command_id },
      { fields.command, fields.stream, fields.command_id, fields.correlation_id })
    assert.equal("4bf92f3577b34da6a3ce929d0e0e4736", fields.trace_id)
    assert.truthy(fields.time:match "^%d+%-%d+%-%d+T")
    assert(runtime:dispatch("Tell", { id = "b" }))
    one = table.remove(said)
    assert.same({ "telling", "Tell" }, { one.message, one.fields.command })
    assert.is_nil(one.fields.trace_id)
    assert(runtime:query("Ask", { id = "b" }))
    one = table.remove(said)
    assert.same({ "asked", "Ask" }, { one.message, one.fields.query })
    assert.is_nil(one.fields.command_id)
  end)

  it("hears of every answer if it wants to debug", function()
    for _, lanes in ipairs { 0, 1 } do
      local runtime <close>, said = open { log_level = "debug", lanes = lanes }
      runtime:dispatch("Say", { id = "a" })
      runtime:dispatch("Say", { id = "no" })
      runtime:dispatch("Say", { id = "bad" })
      local answers = {}
      for _, one in ipairs(said) do
        if one.level == "debug" then
          assert.is_true(math.type(one.fields.duration_us) == "integer")
          answers[#answers + 1] = { one.message:match "^[^:]+: %w+", one.fields.status,
            one.fields.code }
        end
      end
      assert.same({ { "command Say: ok", "ok" }, { "command Say: silent", "rejected", "silent" },
        { "command Say: handler", "handler" } }, answers)
    end
  end)

  it("hears nothing below its level", function()
    local runtime <close>, said = open { log_level = "warn" }
    assert(runtime:dispatch("Say", { id = "a" }))
    assert.same({}, said)
  end)

  it("may call the runtime", function()
    local runtime, done
    runtime = assert(domains.open(talking, { log_level = "debug", log = function(_, message)
      if message == "query Ask: ok" then done = runtime:metrics().queries.Ask.done end
    end }))
    assert(runtime:query("Ask", { id = "a" }))
    runtime:close()
    assert.equal(1, done)
  end)

  it("costs nobody an answer when it fails", function()
    local runtime <close> = assert(domains.open(talking, { log = function() error "no" end }))
    assert(runtime:dispatch("Say", { id = "a" }))
    assert(runtime:dispatch("Say", { id = "b" }))
  end)
end)

describe("a traceparent", function()
  local function meta_of(meta)
    local runtime <close>, said = open { log_level = "warn" }
    assert(runtime:dispatch("Tell", { id = "a" }, { meta = meta }))
    return runtime:events()().meta, said
  end

  it("goes from a command to the events of its handler", function()
    local meta, said = meta_of { traceparent = parent, tracestate = "a=1,b@c=2", user = "ada" }
    assert.same({ traceparent = parent, tracestate = "a=1,b@c=2", user = "ada" }, meta)
    assert.same({}, said)
  end)

  it("is left out with its state when it is malformed, and that is said", function()
    for _, wrong in ipairs {
      "", "00", parent:upper(), parent .. "-x", parent:gsub("^00", "ff"), parent:sub(1, -2) .. "g",
      "00-" .. ("0"):rep(32) .. "-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-" .. ("0"):rep(16) .. "-01",
      parent:gsub("-01$", "_01"), parent:gsub("^00", "01") .. "x",
    } do
      local meta, said = meta_of { traceparent = wrong, tracestate = "a=1", user = "ada" }
      assert.same({ user = "ada" }, meta, wrong)
      assert.equal("warn", said[1].level)
      assert.equal("meta.traceparent is not as W3C Trace Context has it, and is left out",
        said[1].message)
    end
  end)

  it("may be of a later version, with more behind it", function()
    for _, later in ipairs { parent:gsub("^00", "01"), parent:gsub("^00", "01") .. "-more" } do
      assert.same({ traceparent = later }, (meta_of { traceparent = later }))
    end
  end)

  it("is kept without a state that is malformed, or alone", function()
    for _, wrong in ipairs { "", "a", "a=", "A=1", "a=b=c", "a=1 ,b=" .. ("x"):rep(257) } do
      assert.same({ traceparent = parent }, (meta_of { traceparent = parent, tracestate = wrong }),
        wrong)
    end
    assert.same({ user = "ada" }, (meta_of { tracestate = "a=1", user = "ada" }))
    local many = { traceparent = parent, tracestate = ("a=1,"):rep(31) .. " b = 2" }
    assert.same({ traceparent = parent }, (meta_of(many)))
    many.tracestate = ("a=1,"):rep(31) .. "\tb=2"
    assert.same(many, (meta_of(many)))
  end)

  it("is seen by handlers and middleware", function()
    local seen = {}
    local runtime <close> = assert(domains.open((talking:gsub("return domain\n$", [[
      domain:use(function(message, context, next)
        print("through", context.meta.traceparent)
        return next(message, context)
      end)
      domain:handle(domain:command "Show" {}, function(_, context)
        print("handled", context.meta.traceparent)
      end)
      return domain
    ]])), { log = function(_, message) seen[#seen + 1] = message end }))
    assert(runtime:dispatch("Show", {}, { meta = { traceparent = parent } }))
    assert.same({ "through\t" .. parent, "handled\t" .. parent }, seen)
  end)
end)
