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

  -- One that also does what is due.
  local function reopen_writer()
    writer:close()
    writer = assert(neap.open(folder .. "/tally.lua", { store = url }))
  end

  local function add_later(id, after)
    assert(assert(writer:send("Add", { id = id }, { after = after })):wait())
  end

  it("follows what is appended, until there is enough", function()
    local it <close> = open {}
    reopen_writer()
    add_later("t-1", 0.1)
    add_later("u-1", 0.2)
    add_later("t-1", 0.3)
    local got = {}
    for event in it:follow { stream = "Tally-t-1", limit = 2, timeout = DEADLINE_S } do
      got[#got + 1] = event.version
    end
    assert.same({ 18, 19 }, got)
    got = {}
    for event in it:follow { from = 50, types = "Added", timeout = DEADLINE_S } do
      got[#got + 1] = event.position
      if event.stream == "Tally-u-1" then break end
    end
    assert.same({ 50, 51, 52 }, got)
  end)

  it("ends at the timeout, with what was there by then", function()
    local it <close> = open {}
    local next_event, _, _, closing = it:follow { timeout = 0.05 }
    local _ <close> = closing
    assert.is_nil(next_event())
    add(1)
    assert.is_nil(next_event())
    local count = 0
    -- Whoever appends while it goes on does not keep it going.
    for _ in it:follow { from = 40, timeout = 0.05 } do
      count = count + 1
      add(2)
      if count == 1 then os.execute "sleep 0.1" end
    end
    assert.truthy(count == 14 or count == 12, count) -- 12: it was over before it began
  end)

  it("moves a past on with what is appended", function()
    local it <close> = open {}
    local past <close> = assert(it:at(48))
    reopen_writer()
    add_later("t-1", 0.1)
    local counts = {}
    for event in past:follow { limit = 3, timeout = DEADLINE_S } do
      assert.equal(event.position, past:position())
      counts[#counts + 1] = past:find("tallies", event.data.id).count
    end
    assert.same({ 17, 17, 18 }, counts)
  end)

  it("asks while it waits, and holds nothing meanwhile", function()
    local asked = {}
    local it <close> = open {
      go_on = function(position, target)
        if position == target then
          asked[#asked + 1] = position
          if #asked == 1 then writes_and_empties_its_log() end
          return #asked < 3
        end
        return true
      end,
    }
    local got = 0
    local ok, err = pcall(function()
      for _ in it:follow() do got = got + 1 end
    end)
    assert.same({ false, "unavailable", 3 }, { ok, err.code, got })
    assert.same({ 50, 53, 53 }, asked)
  end)

  it("says what is wrong with how it is followed", function()
    local it = open {}
    for options, words in pairs {
      [{ stream = "a-1", category = "a" }] = "a stream or a category, not both",
      [{ timeout = 0 }] = "'timeout' must be a number of seconds above 0",
      [{ backward = true }] = "'backward'",
      [7] = "follow needs a table",
    } do
      local ok, err = pcall(it.follow, it, options)
      assert.is_false(ok)
      assert.truthy(tostring(err):find(words, 1, true), tostring(err))
    end
    local past <close> = assert(it:at(1))
    it:close()
    assert.has_error(function() past:follow() end)
  end)
end)
