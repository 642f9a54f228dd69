-- A history beside a process that writes: it holds nothing that the writer has to wait for.

local neap = require "neap"
local history = require "neap.history"
local domains = require "spec.lua.domains"

local DEADLINE_S = 20

local tally_lua = [[
local neap = require "neap"
local tally = neap.domain "tally"
local Added = tally:event "Added" { id = "string" }
tally:command "Add" { id = "string" }
tally:aggregate "Tally" {
  key = "id", initial = { count = 0 },
  commands = { Add = function(_, command) return Added(command) end },
  events = { Added = function(it) it.count = it.count + 1 end },
}
tally:projection "tallies" {
  key = "id", events = { Added = function(doc) doc.count = (doc.count or 0) + 1 end },
}
return tally
]]

describe("a history beside a writer", function()
  local folder, url, writer

  local function add(count)
    for i = 1, count do assert(writer:dispatch("Add", { id = "t-" .. i % 3 })) end
  end

  before_each(function()
    folder = domains.write { ["tally.lua"] = tally_lua }
    url = "sqlite:" .. folder .. "/tally.db"
    writer = assert(neap.open(folder .. "/tally.lua", { store = url, subscriptions = "" }))
    add(50)
  end)

  after_each(function()
    writer:close()
    domains.remove(folder)
  end)

  local function open(options)
    options.store = url
    return assert(history.open(folder .. "/tally.lua", options))
  end

  local function log_bytes()
    local file <close> = assert(io.open(folder .. "/tally.db-wal", "rb"))
    return file:seek "end"
  end

  -- The writer empties its log when it has nothing to do and nobody is reading in it.
  local function writes_and_empties_its_log()
    add(3)
    local ends = os.time() + DEADLINE_S
    while log_bytes() > 0 do
      assert(os.time() < ends, "somebody reads in the log for ever")
      os.execute "sleep 0.01"
    end
  end

  it("does not hold its log while it has pasts", function()
    local it <close> = open {}
    local early <close> = assert(it:at(7))
    local late <close> = assert(it:at())
    local log <close> = assert(it:log())
    writes_and_empties_its_log()
    assert.equal(3, early:state("Tally", "t-1").count)
    assert.equal(17, late:state("Tally", "t-1").count)
    assert.equal(50, late:search("Added", nil, { backward = true }).position)
    assert.equal(50, log:position())
    writes_and_empties_its_log()
    assert(late:forward())
    assert.equal(56, late:position())
  end)

  it("does not hold it in the middle of a fold", function()
    local asked = 0
    local it <close> = open {
      checkpoint_spacing = 20,
      go_on = function(position)
        asked = asked + 1
        if position > 0 and asked < 4 then writes_and_empties_its_log() end
        return true
      end,
    }
    local late <close> = assert(it:at(50))
    assert.truthy(asked >= 3)
    assert.equal(17, late:find("tallies", "t-1").count)
  end)

  it("does not hold it in the middle of a search", function()
    local it <close> = open {}
    local late <close> = assert(it:at(50))
    assert.equal(2, late:search("Added", function(_, event)
      writes_and_empties_its_log()
      return event.position == 2
    end).position)
    for event, _, state in late:changes("Tally", "t-1") do
      writes_and_empties_its_log()
      assert.equal(event.version, state.count)
      if event.version == 2 then break end
    end
  end)
end)
