-- What is written in C is described in Lua, by the same names.

local root = debug.getinfo(1, "S").source:match "^@(.*)spec/lua/[^/]*$"
local domains = require "spec.lua.domains"

local function read(path)
  local file <close> = assert(io.open(root .. path))
  return file:read "a"
end

-- The names that a pattern captures, sorted.
local function names(text, pattern)
  local found, seen = {}, {}
  for name in text:gmatch(pattern) do
    if not seen[name] then
      found[#found + 1], seen[name] = name, true
    end
  end
  table.sort(found)
  return found
end

local function keys(map)
  local found = {}
  for key in pairs(map) do
    if not key:find "^__" then found[#found + 1] = key end
  end
  table.sort(found)
  return found
end

local function fields_of(text, class)
  local block = text:match("%-%-%-@class " .. class:gsub("%.", "%%.") .. "\n(.-)\n\n")
  assert.is_string(block, class)
  return names("\n" .. block, "\n%-%-%-@field ([%w_]+)")
end

describe("the annotations", function()
  local runtime_text, context_text = read "lua/neap/runtime.lua", read "lua/neap/context.lua"

  it("name the methods of a runtime and of a pending command", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      spec:handle(spec:command "Do" {}, function() end)
      return spec
    ]])
    assert.same(keys(debug.getmetatable(runtime).__index),
      names(runtime_text, "function Runtime:([%w_]+)"))
    local pending = runtime:send "Do"
    assert.same(keys(debug.getmetatable(pending).__index),
      names(runtime_text, "function Pending:([%w_]+)"))
    assert(pending:wait())
  end)

  it("name the members of context", function()
    local source = read "core/script/context.c"
    assert.same(names(source:match "luaL_Reg methods(.-)};", '{"([%w_]+)"'),
      names(context_text, "function Context:([%w_]+)"))
    local envelope = source:match "bool neapi_context_envelope_lj.-\n}\n"
    assert.same(names(envelope .. source:match "int context_index.-\n}\n", 'LITERAL%("([%w_]+)"'),
      fields_of(context_text, "neap.Context"))
    assert.same(names(read "core/script/context_publish.c":match
      "check_publish_options_lj.-\n}\n", '{?"([%w_]+)"[,}]'),
      fields_of(context_text, "neap.PublishOptions"))
    local asked = read "core/script/context_ask.c"
    for list, class in pairs { of_commands = "Dispatch", of_queries = "Query" } do
      assert.same(names(asked:match(list .. "%[%].-};"), '{"([%w_]+)"'),
        fields_of(context_text, "neap.Nested" .. class .. "Options"))
    end
  end)

  it("name the members of context in middleware", function()
    local source = read "core/script/middleware.c"
    assert.same(names(source:match "luaL_Reg methods(.-)};", '{"([%w_]+)"'),
      names(context_text, "function MiddlewareContext:([%w_]+)"))
    local envelope = read "core/script/context.c":match "bool neapi_context_envelope_lj.-\n}\n"
    local own = source:match "int push_property_lj.-\n}\n"
      .. source:match "bool push_of_event_lj.-\n}\n"
    assert.same(names(envelope .. own, 'LITERAL%("([%w_]+)"'),
      fields_of(context_text, "neap.MiddlewareContext"))
  end)

  it("name the members of context in what handles events", function()
    local text = read "lua/neap/context_events.lua"
    for file, class in pairs { pure = "Projection", subscriber = "Subscriber", saga = "Saga" } do
      local source = read("core/script/context_" .. file .. ".c")
      assert.same(names(source:match "luaL_Reg methods(.-)};", '{"([%w_]+)"'),
        names(text, "function " .. class .. "Context:([%w_]+)"))
      assert.same(names(source:match "int context_index.-\n}\n", 'LITERAL%("([%w_]+)"'),
        fields_of(text, "neap." .. class .. "Context"))
    end
    assert.same(names(read "core/script/effect.c":match "take_options_lj.-\n}\n",
      '{"([%w_]+)", NEAPI'), fields_of(text, "neap.ScheduleOptions"))
  end)

  it("name the options", function()
    local host = read "core/script/host.c"
    local opening = read "core/script/host_open.c":match "int host_open.-\n}\n"
    local opened = names(opening, "OPTION%(([%w_]+)")
    for _, name in ipairs { "log", "log_level", "config", "services", "clock" } do
      opened[#opened + 1] = name
    end
    table.sort(opened)
    assert.same(opened, fields_of(runtime_text, "neap.Options"))
    local dispatched = names(host:match "bool neapi_host_message_lj.-\n}\n", '{"([%w_]+)", NEAPI')
    local scheduled = { after = true, at = true, name = true }
    for i = #dispatched, 1, -1 do
      if scheduled[dispatched[i]] then table.remove(dispatched, i) end
    end
    local when = names(read "core/script/schedule_options.c", 'getfield%(L, index, "([%w_]+)"')
    assert.same(keys(scheduled), when)
    assert.same(when, fields_of(read "lua/neap/context_events.lua", "neap.ScheduleOptions"))
    assert.same(dispatched, fields_of(runtime_text, "neap.DispatchOptions"))
    assert.same(names(read "core/script/host_consume.c", '{"([%w_]+)", NEAPI'),
      fields_of(read "lua/neap/consumer.lua", "neap.ConsumeOptions"))
    local published = names(read "core/script/host_publish.c", '{"([%w_]+)", NEAPI')
    local class = "neap.PublishingOptions: neap.DispatchOptions"
    for _, name in ipairs(fields_of(runtime_text, class)) do
      dispatched[#dispatched + 1] = name
    end
    table.sort(dispatched)
    assert.same(published, dispatched)
    assert.same(names(host:match "int host_query.-\n}\n", '{"([%w_]+)", NEAPI'),
      fields_of(runtime_text, "neap.QueryOptions"))
    assert.same(names(read "core/script/host_events.c":match "int neapi_host_events.-\n}\n",
      '{"([%w_]+)", NEAPI'), fields_of(runtime_text, "neap.Filter"))
  end)

  it("name the options of ready middleware", function()
    for file, class in pairs {
      authorisation = "Authorisation", cache = "Cache", circuit_breaker = "CircuitBreaker",
      logging = "Logging", metrics = "Metrics", rate_limit = "RateLimit", retry = "Retry",
    } do
      local text = read("lua/neap/middleware/" .. file .. ".lua")
      local known = "\n" .. text:match "local known = {\n(.-)\n}\n"
      local options = class .. "Options"
      if file == "circuit_breaker" then options = options .. ": neap.BreakerOptions" end
      assert.same(names(known, "\n  ([%w_]+) = {"), fields_of(text, "neap." .. options))
    end
    local guard = read "lua/neap/guard.lua"
    assert.same(names("\n" .. guard:match "guard.breaker = {\n(.-)\n}\n", "\n  ([%w_]+) = {"),
      fields_of(guard, "neap.BreakerOptions"))
    local index = read "lua/neap/middleware.lua"
    assert.same(names(index:match "local names = (%b{})", '"([%w_]+)"'),
      names("\n" .. index, "\n%-%-%-@field ([%w_]+)"))
  end)

  it("name the figures of a store", function()
    local source = read "core/script/host_stats.c"
    for push, class in pairs {
      statistics = "Stats", types = "TypeStats", categories = "CategoryStats",
      streams = "StreamStats",
    } do
      local body = source:match("push_" .. push .. "_lj%(lua_State.-\n}\n")
      assert.same(names(body, '[%-%(]?[L2], "([%w_]+)"'), fields_of(runtime_text, "neap." .. class))
    end
  end)

  it("name what metrics have", function()
    local source = read "core/runtime/metrics_json.c"
    local text = read "lua/neap/metrics.lua" .. "\n"
    for write, class in pairs {
      message = "MessageFigures", lanes = "LaneFigures", writer = "WriterFigures",
      store = "CallFigures", followers = "FollowerFigures",
    } do
      local body = source:match("static void write_" .. write .. "%(neapi_buffer.-\n}\n")
      local found = names(body, 'n%(json, "([%w_]+)"')
      for _, name in ipairs(names(body, 't%(json, "([%w_]+)"')) do found[#found + 1] = name end
      if body:find 'LITERAL%("failed"%)' then found[#found + 1] = "failed" end
      table.sort(found)
      assert.same(found, fields_of(text, "neap." .. class))
    end
  end)

  it("name the fields of the log", function()
    local source = read "core/runtime/lane_log.c"
    local found = names(source, 'add_%a+%(&?list, "([%w_]+)"')
    for _, kind in ipairs(names(source:match "char %*kind_of.-\n}\n", 'return "(%w+)"')) do
      found[#found + 1] = kind
    end
    found[#found + 1] = "time"
    table.sort(found)
    assert.same(found, fields_of(runtime_text, "neap.LogFields"))
  end)

  it("name what a timer has", function()
    local body = read "core/script/host_timers.c":match "push_timer_lj%(lua_State.-\n}\n"
    assert.same(names(body, '[%-%(]?[L2], "([%w_]+)"'), fields_of(runtime_text, "neap.Timer"))
  end)

  it("name what a check of a store has", function()
    local source = read "core/script/host_check.c"
    for push, class in pairs { check = "StoreCheck", findings = "StoreFinding" } do
      local body = source:match("push_" .. push .. "_lj%(lua_State.-\n}\n")
      assert.same(names(body, '[%-%(]?[L2], "([%w_]+)"'), fields_of(runtime_text, "neap." .. class))
    end
  end)

  it("name what an event, a receipt and an error have", function()
    local events = read "core/script/event_table.c":match "neapi_push_event_lj.-\n}\n"
    local named = names(events, 'lj%(L, "([%w_]+)"')
    named[#named + 1] = "tags"
    table.sort(named)
    assert.same(named, fields_of(runtime_text, "neap.Event"))
    local receipt = read "core/script/host.c":match "push_receipt_lj%(lua_State.-\n}\n"
    assert.same(names(receipt, 'lua_setfield%(L, %-2, "([%w_]+)"'),
      fields_of(runtime_text, "neap.Receipt"))
    local errors = read "core/script/lua_error.c":match "void neapi_push_error_lj.-\n}\n"
    local found = names(errors, '"([%w_]+)"')
    for i = #found, 1, -1 do
      if found[i] == "unknown" then table.remove(found, i) end
    end
    found[#found + 1] = "details"
    table.sort(found)
    assert.same(found, fields_of(runtime_text, "neap.Error"))
  end)
end)
