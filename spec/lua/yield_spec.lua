-- Where a coroutine cannot yield, the error says what is in the way.

local domains = require "spec.lua.domains"

-- The message of what goes wrong in a coroutine that the body is run in.
local function refused(body)
  local answer, err = domains.ask(([[
      local made = coroutine.create(function() %s end)
      local ok, why = coroutine.resume(made)
      return { ok, tostring(why), coroutine.status(made) }
  ]]):format(body))
  assert(answer, tostring(err))
  assert.is_false(answer[1])
  return (answer[2]:gsub("^.-domain", "domain"))
end

describe("coroutine.yield", function()
  local places = {
    ["('x'):gsub('x', coroutine.yield)"] = "string.gsub",
    ["('x'):gsub('x', function() coroutine.yield() end)"] = "string.gsub",
    ["table.sort({ 2, 1 }, function() coroutine.yield() end)"] = "table.sort",
    ["tostring(setmetatable({}, { __tostring = function() coroutine.yield() end }))"] = "tostring",
    ["('%s'):format(setmetatable({}, { __tostring = function() coroutine.yield() end }))"] =
      "string.format",
    ["table.concat(setmetatable({}, { __len = function() coroutine.yield() end }))"] =
      "table.concat",
    ["table.unpack(setmetatable({}, { __len = function() coroutine.yield() end }))"] =
      "table.unpack",
    ["error(select(2, load(function() coroutine.yield() end)), 0)"] = "load",
    ["print(setmetatable({}, { __tostring = function() coroutine.yield() end }))"] = "print",
  }
  for body, name in pairs(places) do
    it("cannot leave " .. name .. ": " .. body, function()
      local message = "domain.lua:5: coroutine.yield: " .. name .. " cannot be yielded through"
      assert.equal(message, refused(body))
      assert.equal(message, refused(("local ok, why = pcall(function() %s end) error(why, 0)")
        :format(body)))
    end)
  end

  it("cannot leave the check of a message's field", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Made = spec:event "Made" { field = function() coroutine.yield() return true end }
      spec:answer(spec:query "Ask" {}, function()
        return coroutine.wrap(function() return Made { field = 1 } end)()
      end)
      return spec
    ]])
    local _, err = runtime:query "Ask"
    assert.truthy(err.message:find("coroutine.yield: Made cannot be yielded through", 1, true),
      err.message)
  end)

  it("cannot leave require", function()
    local runtime, err = domains.open {
      ["domain.lua"] = "return coroutine.wrap(function() return require 'other' end)()",
      ["other.lua"] = "coroutine.yield()",
    }
    assert.is_nil(runtime)
    assert.truthy(err.message:find("coroutine.yield: require cannot be yielded through", 1, true),
      err.message)
  end)

  it("cannot leave handlers, folds and the domain's file", function()
    local text = [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event "Done" {}
      local Do = spec:command "Do" { id = "string" }
      local Act = spec:command "Act" {}
      local function yield(here)
        if here == "%s" then pcall(coroutine.yield) coroutine.yield() end
      end
      yield "file"
      spec:aggregate "Thing" { key = "id",
        initial = function() yield "initial" return {} end,
        commands = { Do = function() yield "decision" return Done {} end },
        events = { Done = function() yield "fold" end } }
      spec:handle(Act, function() yield "handler" end)
      spec:answer(spec:query "Ask" {}, function() yield "answer" end)
      return spec
    ]]
    local function message_of(place)
      local runtime <close>, failure = domains.open(text:format(place))
      local function last(_, err)
        return err
      end
      local err = not runtime and failure
        or place == "handler" and last(runtime:dispatch "Act")
        or place == "answer" and last(runtime:query "Ask")
        or last(runtime:dispatch("Do", { id = "a" }))
      assert.equal("handler", err.code)
      return (err.message:gsub("^.-domain", "domain"))
    end
    for place, name in pairs {
      file = "a domain's file", initial = "a fold, or 'initial',", decision = "a decision",
      fold = "a fold, or 'initial',", handler = "a handler", answer = "an answer",
    } do
      assert.equal("domain.lua:7: coroutine.yield: " .. name
        .. " is no coroutine; nothing would resume it", message_of(place))
    end
  end)

  it("goes through pcall, xpcall, metamethods and iterators", function()
    assert.same({ 1, 2, 3, 4, "done" }, domains.ask [[
      local made = coroutine.wrap(function()
        pcall(coroutine.yield, 1)
        xpcall(function() coroutine.yield(2) end, print)
        local _ = setmetatable({}, { __index = function() coroutine.yield(3) end }).x
        for _ in function() coroutine.yield(4) end do end
        return "done"
      end)
      return { made(), made(), made(), made(), made() }
    ]])
  end)
end)
