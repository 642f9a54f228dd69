local neap = require "neap_command"

local domain = [[
local neap = require "neap"
local domain = neap.domain "lamp"
local Lit = domain:event "Lit" { lamp = "string" }
domain:command "Light" { lamp = "string" }
domain:aggregate "Lamp" {
  key = "lamp",
  commands = {
    Light = function(lamp, command)
      if lamp.lit then return neap.reject("lit", "it is lit already") end
      return Lit(command)
    end,
  },
  events = { Lit = function(lamp) lamp.lit = true end },
}
return domain
]]

local heading = [[
local spec = require "neap.spec"
local lamps = spec.domain "lamp.lua"
local Light, Lit = lamps.Light, lamps.Lit
]]

local passing = heading .. [[
describe("a lamp", function()
  it("is lit", function()
    lamps:when(Light { lamp = "a" }):expect(Lit { lamp = "a" })
  end)
  it("is lit once", function()
    lamps:given { Lit { lamp = "a" } }:when(Light { lamp = "a" }):expect_rejection "lit"
  end)
end)
]]

local failing = heading .. [[
it("is lit", function()
  lamps:when(Light { lamp = "a" }):expect(Lit { lamp = "b" })
end)
]]

describe("neap spec", function()
  local folder

  before_each(function()
    folder = neap.folder()
    neap.write(folder .. "/lamp.lua", domain)
  end)

  after_each(function()
    neap.remove(folder)
  end)

  -- Runs the command on a file of that text.
  local function run(text, ...)
    neap.write(folder .. "/lamp_spec.lua", text)
    return neap.run({ "spec", "lamp_spec.lua", ... }, { folder = folder })
  end

  it("runs what passes", function()
    local status, out, err = run(passing)
    assert.same({ 0, "" }, { status, err })
    assert.truthy(out:find("2 successes / 0 failures / 0 errors", 1, true), out)
  end)

  it("runs the folder spec, or what it is given", function()
    neap.shell(("mkdir -p %s/spec/deep && mv %s/lamp.lua %s/spec/"):format(folder, folder, folder))
    neap.write(folder .. "/spec/lamp_spec.lua", passing)
    neap.write(folder .. "/spec/deep/other_spec.lua", "it('is another', function() end)")
    neap.write(folder .. "/spec/helper.lua", "error 'this is no spec'")
    local status, out = neap.run({ "spec" }, { folder = folder })
    assert.equal(0, status)
    assert.truthy(out:find("3 successes", 1, true), out)
    status, out = neap.run({ "spec", "spec/deep", "spec/lamp_spec.lua" }, { folder = folder })
    assert.equal(0, status)
    assert.truthy(out:find("3 successes", 1, true), out)
  end)

  it("tells what fails, and where", function()
    local status, out = run(failing)
    assert.equal(1, status)
    assert.truthy(out:find("lamp_spec.lua:5: Light", 1, true), out)
    assert.truthy(out:find('lamp: expected "b", got "a"', 1, true), out)
  end)

  it("fails where no test was run", function()
    local status, _, err = run "describe('nothing', function() end)"
    assert.same({ 1, "neap: no test was found\n" }, { status, err })
    status, _, err = run "it('is not there yet', function() pending 'later' end)"
    assert.same({ 1, "neap: no test was run: all are pending\n" }, { status, err })
    status, _, err = run(passing, "--filter", "nobody has this name")
    assert.same({ 1, "neap: no test was found\n" }, { status, err })
  end)

  it("fails for a file that cannot be loaded", function()
    local status, out = run "it('is half"
    assert.equal(1, status)
    assert.truthy(out:find("lamp_spec.lua:1", 1, true), out)
  end)

  it("fails if a test wants to end the process", function()
    local status, out = run "it('leaves', function() os.exit(0) end) it('stays', function() end)"
    assert.equal(1, status)
    assert.truthy(out:find("1 success", 1, true), out)
    assert.truthy(out:find("os.exit was called", 1, true), out)
  end)

  it("hands options to busted", function()
    local status, out = run(passing, "--output", "TAP", "--filter", "once")
    assert.same({ 0, "ok 1 - a lamp is lit once\n1..1\n" }, { status, out })
    status = run(passing, "--shuffle", "--seed", "7")
    assert.equal(0, status)
  end)

  it("has all of Neap's modules", function()
    assert.equal(0, (run [[
      it("requires", function()
        assert.is_function(require "neap.middleware.logging")
        assert.is_table(require "neap.json")
        assert.is_false(pcall(require, "neap.nothing"))
      end)
    ]]))
  end)

  it("has a Neap of its own, whatever Lua would find", function()
    neap.shell(("mkdir %s/neap"):format(folder))
    neap.write(folder .. "/neap/init.lua", "error 'another Neap'")
    neap.write(folder .. "/neap.lua", "error 'another Neap'")
    assert.equal(0, (run(passing)))
  end)

  it("says how busted can be installed", function()
    neap.write(folder .. "/lamp_spec.lua", passing)
    local status, out, err = neap.run({ "spec", "lamp_spec.lua" },
      { folder = folder, environment = "LUA_PATH=/nowhere/?.lua" })
    assert.same({ 1, "" }, { status, out })
    assert.equal("neap: busted, which runs specs, cannot be used (module 'busted.core' not found). "
      .. "On Debian: apt-get install lua-busted. With LuaRocks: luarocks --lua-version 5.4 install "
      .. "busted\n", err)
  end)

  it("is used wrongly", function()
    local status, out, err = neap.run({ "spec", "nowhere" }, { folder = folder })
    assert.same({ 2, "" }, { status, out })
    assert.truthy(err:find("there is no file or folder 'nowhere'", 1, true))
    status, out, err = neap.run({ "spec" }, { folder = folder })
    assert.same({ 2, "" }, { status, out })
    assert.truthy(err:find("there is no file or folder 'spec'", 1, true))
    neap.write(folder .. "/a,b", "")
    status, out, err = neap.run({ "spec", "a,b" }, { folder = folder })
    assert.same({ 2, "" }, { status, out })
    assert.truthy(err:find("'a,b' has a comma", 1, true), err)
    assert.equal(2, (neap.run({ "spec", "--seed", "x" }, { folder = folder })))
  end)
end)
