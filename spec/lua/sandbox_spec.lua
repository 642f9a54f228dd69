-- What a domain's code can reach, and what it cannot.

local domains = require "spec.lua.domains"

local function error_in_query(body)
  local answer, err = domains.ask(body)
  assert.is_nil(answer)
  assert.equal("handler", err.code)
  return err.message
end

local function error_in_decision(body)
  local data, err = domains.decide(body)
  assert.is_nil(data)
  assert.equal("handler", err.code)
  return err.message
end

describe("a domain's environment", function()
  it("refuses new globals, with name and line", function()
    assert.equal("domain.lua:5: global 'x' cannot be made: say 'local' in front of it",
      error_in_query "x = 1")
    local runtime, err = domains.open "\ntotal = 1"
    assert.is_nil(runtime)
    assert.equal("domain.lua:2: global 'total' cannot be made: say 'local' in front of it",
      err.message)
  end)

  it("is not the state's own table of globals", function()
    assert.is_true(domains.ask "return _G == _ENV and rawequal(_G, load('return _G')())")
    local runtime <close> = assert(domains.open [[
      _G.print = nil
      local spec = require("neap").domain "spec"
      spec:answer(spec:query "Ask" {}, function()
        return print == nil and load('return print')() == nil
      end)
      return spec
    ]])
    assert.is_true(runtime:query "Ask")
  end)

  for _, name in ipairs { "debug", "package", "dofile", "loadfile", "os.exit", "os.setlocale",
    "string.dump" } do
    it("has no " .. name, function()
      assert.equal(true, domains.ask("return " .. name .. " == nil"))
    end)
  end

  it("has the usual libraries, coroutines and methods of texts", function()
    assert.same({ "ABC", 3, 2, 10, true }, domains.ask [[
      local made = coroutine.wrap(function() coroutine.yield(10) end)
      return { ("abc"):upper(), utf8.len "äöü", math.type(2.0) and 2, made(), os.time() > 0 }
    ]])
  end)

  it("refuses bytecode and takes text", function()
    assert.same({ false, "bytecode is refused: load takes text only", 7 }, domains.ask [[
      local made, why = load("\27Lua")
      return { made == nil and false, why, load("return 3 + 4")() }
    ]])
    assert.equal(12, domains.ask [[
      local pieces = { "return ", "x * 4" }
      return load(function() return table.remove(pieces, 1) end, "x", "t", { x = 3 })()
    ]])
  end)

  it("refuses finalizers", function()
    assert.equal("domain.lua:5: a domain's tables have no finalizers: remove __gc",
      error_in_query "setmetatable({}, { __gc = function() end })")
  end)

  it("keeps the metatable of texts out of reach", function()
    assert.equal("string", domains.ask "return getmetatable('')")
  end)

  it("lets a domain count its memory, but not drive the collector", function()
    assert.is_true(domains.ask "return collectgarbage 'count' > 10")
    assert.equal("domain.lua:5: collectgarbage('stop'): a domain can only ask for 'count'",
      error_in_query "collectgarbage 'stop'")
  end)

  it("does not show Neap's own half to a domain", function()
    assert.equal("domain.lua:5: neap.internal is Neap's own and not for domains",
      error_in_query "require 'neap.internal'")
  end)

  it("opens no runtime inside a domain", function()
    assert.equal("domain.lua:5: neap.open is for hosts: inside a domain there is no runtime to "
      .. "open", error_in_query "neap.open('x.lua')")
  end)

  it("does not let a domain change Neap's own libraries", function()
    local runtime <close> = assert(domains.open [[
      local neap = require "neap"
      local spec = neap.domain "spec"
      local Done = spec:event "Done" { id = "string" }
      spec:command "Do" { id = "string" }
      for _, library in ipairs { string, table, math } do
        for name in pairs(library) do library[name] = nil end
        assert(next(library) == nil and pairs(library)(library) == nil)
      end
      spec:aggregate "Thing" { key = "id",
        commands = { Do = function(_, command) return Done { id = command.id } end },
        events = { Done = function() end } }
      return spec
    ]])
    assert.is_truthy(runtime:dispatch("Do", { id = "a" }))
  end)

  it("may be set up while the domain is loaded", function()
    local runtime <close> = assert(domains.open [[
      function string.shout(text) return text:upper() .. "!" end
      rawset(table, "count", function(t) return #t end)
      print = nil
      local spec = require("neap").domain "spec"
      spec:answer(spec:query "Ask" {}, function()
        return { ("hey"):shout(), string.shout "you", table.count { 1, 2 }, print == nil }
      end)
      return spec
    ]])
    assert.same({ "HEY!", "YOU!", 2, true }, (runtime:query "Ask"))
  end)
end)

describe("what all handlers share", function()
  local changes = {
    ["string.format = nil"] = "string.format cannot be changed: all handlers share it",
    ["function table.insert() end"] = "table.insert cannot be changed: all handlers share it",
    ["string.trim = 1"] = "string.trim cannot be changed: all handlers share it",
    ["rawset(string, 'format', nil)"] = "string.format cannot be changed: all handlers share it",
    ["table.insert(utf8, 1)"] = "utf8.1 cannot be changed: all handlers share it",
    ["print = nil"] = "global 'print' cannot be changed: all handlers share it",
    ["_G.string = {}"] = "global 'string' cannot be changed: all handlers share it",
    ["rawset(_G, 'x', 1)"] =
      "the domain's environment.x cannot be changed: all handlers share it",
    ["neap.reject = nil"] = "neap.reject cannot be changed: all handlers share it",
    ["require('neap.json').null = 1"] = "neap.json.null cannot be changed: all handlers share it",
    ["Ask.name = 'Other'"] = "query 'Ask'.name cannot be changed: all handlers share it",
    ["table.remove(spec.messages)"] =
      "the domain.1 cannot be changed: all handlers share it",
    ["spec.name = 'Other'"] = "the domain.name cannot be changed: all handlers share it",
    ["spec:event 'Late'"] = "domain:event: a domain is complete once its file was loaded",
    ["context.meta = {}"] = "context cannot be changed",
    ["setmetatable(string, {})"] = "cannot change a protected metatable",
  }
  for change, message in pairs(changes) do
    it("cannot be changed by a handler: " .. change, function()
      assert.equal("domain.lua:5: " .. message, error_in_query(change))
    end)
  end

  it("can be read as ever", function()
    assert.same({ "function", 7, "Ask", "spec", true, true }, domains.ask [[
      local names = {}
      for name, value in pairs(string) do names[#names + 1] = name .. type(value) end
      local globals = 0
      for name in pairs(_G) do globals = globals + (name == "print" and 1 or 0) end
      return { type(rawget(string, "format")), #Ask.kind + 2, Ask.name, spec.name,
        #names > 14 and globals == 1, getmetatable(io.stdout) == "file" }
    ]])
  end)

  it("is not a table of the domain's own file", function()
    assert.equal(2, domains.ask "return (function() local t = { 1 } t[2] = 2 return #t end)()")
  end)
end)

describe("an aggregate's code", function()
  local impure = {
    ["os.time()"] = "os.time cannot be used in an aggregate, which gives the same whenever it "
      .. "runs; use context:now()",
    ["os.clock()"] = "os.clock cannot be used in an aggregate, which gives the same whenever it "
      .. "runs; use context:now()",
    ["os.date()"] = "os.date cannot be used in an aggregate, which gives the same whenever it "
      .. "runs; use context:now(), or give a format that begins with '!', and a time",
    ["math.random()"] = "math.random cannot be used in an aggregate, which gives the same "
      .. "whenever it runs; use context:id()",
    ["math.randomseed(1)"] = "math.randomseed cannot be used in an aggregate, which gives the same "
      .. "whenever it runs; use context:id()",
    ["os.getenv 'HOME'"] = "os.getenv cannot be used in an aggregate, which gives the same "
      .. "whenever it runs; what it decides on must be in the command",
    ["io.open '/dev/null'"] = "io.open cannot be used in an aggregate, which gives the same "
      .. "whenever it runs; what it decides on must be in the command",
    ["io.write 'x'"] = "io.write cannot be used in an aggregate, which gives the same whenever it "
      .. "runs; what it decides on must be in the command",
    ["io.stdout:write 'x'"] = "file.write cannot be used in an aggregate, which gives the same "
      .. "whenever it runs; what it decides on must be in the command",
  }
  for call, message in pairs(impure) do
    it("cannot use " .. call, function()
      assert.equal("domain.lua:10: " .. message, error_in_decision(call))
    end)
  end

  it("cannot use them in a pcall that forgets, or a coroutine", function()
    local data = domains.decide [[
      local ok = pcall(os.time)
      local made = coroutine.create(os.clock)
      return Done { id = command.id, value = { ok, (coroutine.resume(made)) } }
    ]]
    assert.same({ false, false }, data[1].value)
  end)

  it("may format a time that it was given", function()
    local data = domains.decide
      "return Done { id = command.id, value = os.date('!%Y-%m-%d', 86400) }"
    assert.equal("1970-01-02", data[1].value)
  end)

  it("is guarded in folds and in `initial` too", function()
    for _, place in ipairs { "initial", "fold" } do
      local runtime <close> = assert(domains.open(([[
        local neap = require "neap"
        local spec = neap.domain "spec"
        local Done = spec:event "Done" { id = "string" }
        spec:command "Do" { id = "string" }
        spec:aggregate "Thing" {
          key = "id",
          initial = function() if "%s" == "initial" then os.time() end return {} end,
          commands = { Do = function(_, command) return Done { id = command.id } end },
          events = { Done = function() os.time() end },
        }
        return spec
      ]]):format(place)))
      local receipt, err = runtime:dispatch("Do", { id = "a" })
      assert.is_nil(receipt)
      assert.equal("handler", err.code)
      assert.truthy(err.message:find("use context:now()", 1, true))
    end
  end)
end)

describe("code that is not an aggregate's", function()
  it("may ask clock and randomness", function()
    assert.is_true(domains.ask "return os.time() > 1e9 and math.random() < 1 and os.clock() >= 0")
    assert.is_truthy(domains.handle "io.open('/dev/null'):close() os.getenv 'HOME'")
  end)
end)

describe("require in a domain", function()
  it("finds files beside it and in folders, and runs each once", function()
    local runtime <close>, err = domains.open {
      ["domain.lua"] = [[
        local neap = require "neap"
        local prices = require "prices"
        assert(prices == require "prices" and neap == require "neap")
        local shop = neap.domain "shop"
        shop:answer(shop:query "Ask" {}, function() return prices.of("tea") end)
        return shop
      ]],
      ["prices.lua"] = [[
        local list = require "data.list"
        return { of = function(name) return list[name] + require("more").add end }
      ]],
      ["data/list.lua"] = "return { tea = 3 }",
      ["more/init.lua"] = "local name, path = ... return { add = 1, name = name, path = path }",
    }
    assert.is_truthy(runtime, tostring(err))
    local answer, why = runtime:query "Ask"
    assert.is_nil(answer)
    assert.truthy(why.message:find("module 'more' was not required while the domain was loaded", 1,
      true))
  end)

  it("gives what was required while the domain was loaded, also later", function()
    local runtime <close> = assert(domains.open {
      ["domain.lua"] = [[
        local neap = require "neap"
        require "prices"
        local shop = neap.domain "shop"
        shop:answer(shop:query "Ask" {}, function() return require("prices").tea end)
        return shop
      ]],
      ["prices.lua"] = "return { tea = 3 }",
    })
    assert.equal(3, runtime:query "Ask")
  end)

  it("says where it looked for what is not there", function()
    local _, err = domains.open "require 'data.list'"
    assert.equal("domain.lua:1: require: there is no module 'data.list': neither data/list.lua nor "
      .. "data/list/init.lua", err.message)
  end)

  it("refuses cycles", function()
    local _, err = domains.open {
      ["domain.lua"] = "require 'a'",
      ["a.lua"] = "require 'b'",
      ["b.lua"] = "\nrequire 'a'",
    }
    assert.equal("b.lua:2: require: module 'a' requires itself, by way of others", err.message)
  end)

  it("says again what is wrong with a file that is required again", function()
    local _, err = domains.open {
      ["domain.lua"] = "pcall(require, 'a') require 'a'",
      ["a.lua"] = "error 'no luck'",
    }
    assert.equal("a.lua:1: no luck", err.message)
  end)

  it("cannot lead out of the folder", function()
    for _, name in ipairs { "..secret", "/etc/passwd", "a..b", "", "a.", "a/b" } do
      local _, err = domains.open(("require %q"):format(name))
      assert.equal(("domain.lua:1: require: '%s' cannot be the name of a module"):format(name),
        err.message)
    end
  end)

  it("refuses globals and bytecode in required files too", function()
    local _, err = domains.open { ["domain.lua"] = "require 'a'", ["a.lua"] = "\n\nx = 1" }
    assert.equal("a.lua:3: global 'x' cannot be made: say 'local' in front of it", err.message)
    local bytecode = string.dump(function() end)
    _, err = domains.open { ["domain.lua"] = "require 'a'", ["a.lua"] = bytecode }
    assert.equal("domain.lua:1: require: a.lua is bytecode; Neap runs text only", err.message)
  end)
end)
