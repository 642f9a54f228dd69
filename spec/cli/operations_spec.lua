-- What can be seen of a command that runs: its log, and the file of its metrics.

local json = require "dkjson"
local neap = require "neap_command"
local exposition = dofile "../lua/exposition.lua"

local talking = [[
local neap = require "neap"
local domain = neap.domain "talking"
local Said = domain:event "Said" { id = "string" }
domain:command "Say" { id = "string" }
domain:aggregate "Speaker" {
  key = "id",
  initial = {},
  commands = { Say = function(_, command) print("saying " .. command.id) return Said(command) end },
  events = { Said = function() end },
}
domain:answer(domain:query "Ask" {}, function() print "asked" return 1 end)
return domain
]]

local parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

describe("a command that runs a domain", function()
  local folder, domain, store

  before_each(function()
    folder = neap.folder()
    domain, store = folder .. "/talking.lua", "sqlite:" .. folder .. "/talking.db"
    neap.write(domain, talking)
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function run(stdin, ...)
    return neap.run({ "run", domain, "--store", store, ... }, { stdin = stdin })
  end

  local function records(err)
    local read = {}
    for line in err:gmatch "[^\n]+" do read[#read + 1] = assert(json.decode(line), line) end
    return read
  end

  it("logs JSON with fields, its own words too", function()
    local line = ('{"command":"Say","data":{"id":"a"},"meta":{"traceparent":"%s"}}'):format(parent)
    local status, out, err = run(line, "--log-format", "json")
    assert.equal(0, status)
    local said, counted = table.unpack(records(err))
    assert.same({ "info", "saying a", "Say", "Speaker-a", 1, "4bf92f3577b34da6a3ce929d0e0e4736" },
      { said.level, said.message, said.command, said.stream, said.lane, said.trace_id })
    assert.equal(json.decode(out).command_id, said.command_id)
    assert.same({ level = "info", message = "1 command: 1 done, 0 refused" }, counted)
  end)

  it("says as much as --log-level asks for", function()
    local line = '{"command":"Say","data":{"id":"a"}}'
    local _, _, err = run(line, "--quiet", "--log-level", "warn")
    assert.equal("", err)
    _, _, err = run(line, "--quiet", "--log-level=debug")
    assert.equal("neap: saying a\nneap: command Say: ok\n", err)
    _, _, err = neap.run { "query", domain, "Ask", "--store", store, "--log-level", "error" }
    assert.equal("", err)
    _, _, err = neap.run { "query", domain, "Ask", "--store", store }
    assert.equal("neap: asked\n", err)
  end)

  it("knows no other level and no other form", function()
    local status, _, err = run("", "--log-level", "loud")
    assert.equal(2, status)
    assert.truthy(err:find("--log-level takes debug, info, warn or error, not 'loud'", 1, true))
    status, _, err = run("", "--log-format", "xml")
    assert.equal(2, status)
    assert.truthy(err:find("--log-format takes text or json, not 'xml'", 1, true))
  end)

  it("keeps a traceparent with the events, and drops one that is malformed", function()
    local status, _, err = run(([[
{"command":"Say","data":{"id":"a"},"meta":{"traceparent":"%s","user":"ada"}}
{"command":"Say","data":{"id":"b"},"meta":{"traceparent":"00-0-0-0","user":"ada"}}
]]):format(parent), "--quiet", "--log-level", "warn")
    assert.equal(0, status)
    assert.equal("neap: warning: meta.traceparent is not as W3C Trace Context has it, and is left "
      .. "out\n", err)
    local _, events = neap.run { "events", "--store", store }
    local first, second = table.unpack(records(events))
    assert.same({ traceparent = parent, user = "ada" }, first.meta)
    assert.same({ user = "ada" }, second.meta)
  end)

  it("leaves its metrics in a file", function()
    local file = folder .. "/neap.prom"
    local status = run('{"command":"Say","data":{"id":"a"}}\n{"command":"Say"}\n', "--quiet",
      "--metrics", file)
    assert.equal(1, status)
    local messages = exposition.read(neap.read(file)).neap_messages_total
    local function of(outcome)
      return exposition.value(messages, { kind = "command", name = "Say", outcome = outcome })
    end
    assert.same({ 1, 1 }, { of "done", of "invalid" })
    assert.equal(1, neap.shell("test -e " .. neap.quote(file .. ".new")))
  end)

  it("does nothing if they cannot be left there", function()
    local status, out, err = run('{"command":"Say","data":{"id":"a"}}\n', "--metrics",
      folder .. "/none/neap.prom")
    assert.same({ 2, "" }, { status, out })
    local why = "cannot write " .. folder .. "/none/neap.prom: No such file"
    assert.truthy(err:find(why, 1, true), err)
  end)
end)
