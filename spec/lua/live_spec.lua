-- The log as it grows: runtime:events { follow = true }.

local neap = require "neap"
local domains = require "spec.lua.domains"

local source = [[
local neap = require "neap"
local log = neap.domain "log"
local Noted = log:event "Noted" { id = "string" }
local Marked = log:event "Marked" { id = "string" }
log:handle(log:command "Note" { id = "string" }, function(c, context)
  context:publish(Noted { id = c.id }, { stream = "Log-" .. c.id })
end)
log:handle(log:command "Mark" { id = "string" }, function(c, context)
  context:publish(Marked { id = c.id }, { stream = "Log-" .. c.id })
end)
return log
]]

local function open(options)
  return assert(domains.open(source, options))
end

local function seen(iterator, count)
  local found = {}
  for _ = 1, count do
    local event = iterator()
    if not event then break end
    found[#found + 1] = event.type .. event.position
  end
  return table.concat(found, " ")
end

local function raised(body)
  local ok, err = pcall(body)
  assert.is_false(ok)
  return tostring(err)
end

describe("runtime:events with follow", function()
  for _, lanes in ipairs { 0, 1 } do
    describe("and lanes " .. lanes, function()
      it("goes on with what is committed", function()
        local runtime <close> = open { lanes = lanes }
        assert(runtime:dispatch("Note", { id = "a" }))
        local iterator = runtime:events { follow = true }
        assert.equal("Noted1", seen(iterator, 1))
        runtime:send("Note", { id = "a" })
        runtime:send("Mark", { id = "b" })
        assert.equal("Noted2 Marked3", seen(iterator, 2))
        assert(runtime:dispatch("Mark", { id = "a" }))
        assert.equal("Marked4", seen(iterator, 1))
      end)

      it("keeps to its filter", function()
        local runtime <close> = open { lanes = lanes }
        local marks = runtime:events { follow = true, types = "Marked" }
        local of_b = runtime:events { follow = true, stream = "Log-b", from = 2 }
        local two = runtime:events { follow = true, limit = 2 }
        for _, id in ipairs { "a", "b", "a" } do
          runtime:send("Note", { id = id })
          runtime:send("Mark", { id = id })
        end
        assert.equal("Marked2 Marked4 Marked6", seen(marks, 3))
        assert.equal("Marked4", seen(of_b, 1))
        assert.equal("Noted1 Marked2", seen(two, 9))
        assert.is_nil(two())
      end)

      it("ends a loop where nothing comes in time, and can be asked again", function()
        local runtime <close> = open { lanes = lanes }
        runtime:send("Note", { id = "a" })
        local positions = {}
        for event in runtime:events { follow = true, timeout = 0.05 } do
          positions[#positions + 1] = event.position
          if event.position < 3 then runtime:send("Note", { id = "a" }) end
        end
        assert.same({ 1, 2, 3 }, positions)
        local iterator = runtime:events { follow = true, from = 4, timeout = 0.001 }
        assert.is_nil(iterator())
        runtime:send("Note", { id = "a" })
        runtime:drain()
        assert.equal("Noted4", seen(iterator, 1))
      end)

      it("is over when the runtime is closed", function()
        local runtime = open { lanes = lanes }
        local iterator = runtime:events { follow = true }
        runtime:close()
        assert.truthy(raised(iterator):find("the runtime was closed meanwhile", 1, true))
      end)
    end)
  end

  it("is refused in handlers", function()
    local domain = neap.domain "inside"
    local runtime, iterator
    domain:answer(domain:query "Follow" {}, function()
      return raised(function() return runtime:events { follow = true } end)
    end)
    domain:answer(domain:query "Go" {}, function() return raised(iterator) end)
    runtime = assert(neap.open(domain, { lanes = 0 }))
    iterator = runtime:events { follow = true }
    for _, query in ipairs { "Follow", "Go" } do
      assert.truthy(assert(runtime:query(query, {})):find("handler or callback cannot", 1, true))
    end
    runtime:close()
  end)

  it("goes with no end and no direction", function()
    local runtime <close> = open()
    assert.truthy(raised(function() runtime:events { follow = true, backward = true } end)
      :find("backward does not go with it", 1, true))
    assert.truthy(raised(function() runtime:events { timeout = 1 } end)
      :find("timeout_ms is for follow", 1, true))
    assert.truthy(raised(function() runtime:events { follow = 1 } end)
      :find("'follow' must be true or false", 1, true))
  end)

  it("asks the clock of a runtime without lanes", function()
    local domain = neap.domain "timed"
    local Noted = domain:event "Noted" {}
    domain:handle(domain:command "Note" {}, function(_, context)
      context:publish(Noted {}, { stream = "Log-1" })
    end)
    local now = 1700000000000000
    local runtime = assert(neap.open(domain, { lanes = 0, clock = function() return now end }))
    local iterator = runtime:events { follow = true }
    runtime:send("Note", {})
    now = now + 5000000
    assert.equal(now, iterator().recorded_at)
    runtime:close()
  end)
end)
