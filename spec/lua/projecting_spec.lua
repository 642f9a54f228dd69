-- Projections as they run: documents, checkpoints, catching up, stopping, rebuilding.

local domains = require "spec.lua.domains"
local function temporary_store()
  local path = os.tmpname()
  os.remove(path)
  return path
end

local function remove_store(path)
  for _, ending in ipairs { "", "-wal", "-shm", "-lock" } do
    os.remove(path .. ending)
  end
end

-- %s: what the projection is beside its events, then its handler of Changed.
local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Opened = shop:event "Opened" { id = "string", owner = "string" }
local Changed = shop:event "Changed" { id = "string", by = "integer" }
local Closed = shop:event "Closed" { id = "string" }
local Open = shop:command "Open" { id = "string", owner = "string" }
local Change = shop:command "Change" { id = "string", by = "integer" }
local Close = shop:command "Close" { id = "string" }
shop:aggregate "Account" {
  key = "id",
  initial = {},
  commands = {
    Open = function(_, command) return Opened { id = command.id, owner = command.owner } end,
    Change = function(_, command) return Changed { id = command.id, by = command.by } end,
    Close = function(_, command) return Closed { id = command.id } end,
  },
  events = { Opened = function() end, Changed = function() end, Closed = function() end },
}
shop:projection "accounts" {
  key = "id", %s
  events = {
    Opened = function(doc, event) doc.owner, doc.sum, doc.changes = event.owner, 0, 0 end,
    Changed = function(doc, event) %s end,
    Closed = function() return neap.delete end,
  },
}
return shop
]]

local adds = "doc.sum, doc.changes = (doc.sum or 0) + event.by, (doc.changes or 0) + 1"

local function open(options, what, handler)
  return assert(domains.open(template:format(what or "", handler or adds), options))
end

local function change(runtime, id, by)
  assert(runtime:dispatch("Change", { id = id, by = by }))
end

local function state_of(runtime)
  return assert(runtime:subscriptions())[1]
end

describe("a projection", function()
  for _, lanes in ipairs { 0, 1, 3 } do
    it("keeps a document for each key, with lanes = " .. lanes, function()
      local runtime <close> = open { lanes = lanes }
      assert(runtime:dispatch("Open", { id = "a", owner = "ada" }))
      change(runtime, "a", 5)
      change(runtime, "b", 1)
      change(runtime, "a", -2)
      assert(runtime:drain())
      assert.same({ owner = "ada", sum = 3, changes = 2 }, runtime:find("accounts", "a"))
      assert.same({ sum = 1, changes = 1 }, runtime:find("accounts", "b"))
      assert.is_nil(runtime:find("accounts", "c"))
    end)
  end

  it("drops a document when a handler says so", function()
    local runtime <close> = open()
    change(runtime, "a", 1)
    assert(runtime:drain())
    assert(runtime:dispatch("Close", { id = "a" }))
    assert(runtime:drain())
    assert.is_nil(runtime:find("accounts", "a"))
    change(runtime, "a", 7)
    assert(runtime:drain())
    assert.same({ sum = 7, changes = 1 }, runtime:find("accounts", "a"))
  end)

  it("lists documents by the order of their keys", function()
    local runtime <close> = open()
    for i, id in ipairs { "x1", "a2", "x2", "a1", "x3" } do change(runtime, id, i) end
    assert(runtime:drain())
    local function keys(options)
      local found = {}
      for _, it in ipairs(assert(runtime:list("accounts", options))) do
        found[#found + 1] = it.key .. "=" .. it.document.sum
      end
      return table.concat(found, " ")
    end
    assert.equal("a1=4 a2=2 x1=1 x2=3 x3=5", keys())
    assert.equal("x1=1 x2=3 x3=5", keys { prefix = "x" })
    assert.equal("x1=1 x2=3", keys { prefix = "x", limit = 2 })
    assert.equal("x3=5 x2=3", keys { behind = "x1", order = "ascending", prefix = "x" }
      == "x2=3 x3=5" and keys { prefix = "x", limit = 2, order = "descending" })
    assert.equal("a1=4", keys { behind = "a2", order = "descending" })
  end)

  it("says where it is", function()
    local runtime <close> = open()
    change(runtime, "a", 1)
    change(runtime, "a", 1)
    assert(runtime:catch_up "accounts")
    local state = state_of(runtime)
    assert.equal("accounts", state.name)
    assert.equal("projection", state.kind)
    assert.equal("live", state.state)
    assert.equal(2, state.position)
    assert.equal(0, state.lag)
  end)

  it("is in the metrics", function()
    local runtime <close> = open()
    change(runtime, "a", 1)
    change(runtime, "a", 1)
    assert(runtime:catch_up "accounts")
    assert(runtime:pause "accounts")
    change(runtime, "a", 1)
    local figures = assert(runtime:metrics()).subscriptions.accounts
    assert.same({ 2, 1, 2 }, { figures.position, figures.lag, figures.handled })
    assert.truthy(figures.units >= 1)
    local text = assert(runtime:metrics "prometheus")
    for name, value in pairs { position = 2, lag = 1, handled_total = 2 } do
      local sample = ('neap_subscription_%s{domain="shop",subscription="accounts",' ..
        'kind="projection"} %d\n'):format(name, value)
      assert.truthy(text:find(sample, 1, true), text)
    end
  end)

  it("goes on from its checkpoint, and counts nothing twice", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    for round = 1, 4 do
      local runtime <close> = open { store = "sqlite:" .. path .. "?synchronous=normal" }
      for i = 1, 20 do change(runtime, "k" .. i % 3, 1) end
      assert(runtime:drain())
      local sum = 0
      for _, it in ipairs(assert(runtime:list "accounts")) do sum = sum + it.document.changes end
      assert.equal(20 * round, sum)
    end
  end)

  it("divides its documents among partitions", function()
    local runtime <close> = open({ lanes = 2 }, "partitions = 4,")
    for i = 1, 100 do change(runtime, "k" .. i % 10, i) end
    assert(runtime:drain())
    local sum = 0
    for _, it in ipairs(assert(runtime:list "accounts")) do
      assert.equal(10, it.document.changes)
      sum = sum + it.document.sum
    end
    assert.equal(5050, sum)
    assert.equal(4, #state_of(runtime).partitions)
  end)

  it("stops at an event that its handler cannot handle, and keeps what was before", function()
    local runtime <close> = open({ log = function() end }, nil, [[
      if event.by == 13 then error "unlucky" end ]] .. adds)
    change(runtime, "a", 1)
    change(runtime, "b", 2)
    change(runtime, "a", 13)
    change(runtime, "b", 4)
    local done, err = runtime:catch_up "accounts"
    assert.is_nil(done)
    assert.equal("unavailable", err.code)
    assert.truthy(err.message:find("'accounts' has stopped at position 3", 1, true), err.message)
    assert.truthy(err.message:find("unlucky", 1, true), err.message)
    assert.same({ sum = 1, changes = 1 }, runtime:find("accounts", "a"))
    assert.same({ sum = 2, changes = 1 }, runtime:find("accounts", "b"))
    local state = state_of(runtime)
    assert.equal("stopped", state.state)
    assert.equal(2, state.position)
    assert.equal(3, state.partitions[1].stopped_at)
    change(runtime, "c", 1)  -- commands go on
    assert.equal("unavailable", select(2, runtime:drain()).code)
  end)

  it("names a document that cannot be stored, and stops at its event", function()
    local runtime <close> = open({ log = function() end }, nil, [[
      doc.sum = event.by == 13 and 0 / 0 or event.by]])
    for _, by in ipairs { 1, 2, 13, 4 } do change(runtime, "k" .. by, by) end
    local _, err = runtime:catch_up "accounts"
    assert.truthy(err.message:find("has stopped at position 3", 1, true), err.message)
    assert.same({ sum = 2 }, runtime:find("accounts", "k2"))
    assert.is_nil(runtime:find("accounts", "k4"))
  end)

  it("tries again when it is resumed", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local options = { store = "sqlite:" .. path .. "?synchronous=normal", log = function() end }
    do
      local runtime <close> = open(options, nil, "error 'not yet'")
      change(runtime, "a", 1)
      assert.is_nil(runtime:drain())
      assert(runtime:resume "accounts")
      assert.is_nil(runtime:drain())
    end
    local runtime <close> = open(options)
    assert(runtime:drain())
    assert.same({ sum = 1, changes = 1 }, runtime:find("accounts", "a"))
  end)

  it("rests while it is paused, also when the store is opened again", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local options = { store = "sqlite:" .. path .. "?synchronous=normal" }
    do
      local runtime <close> = open(options)
      change(runtime, "a", 1)
      assert(runtime:drain())
      assert(runtime:pause "accounts")
      change(runtime, "a", 1)
      assert.equal("unavailable", select(2, runtime:catch_up "accounts").code)
      assert.same({ sum = 1, changes = 1 }, runtime:find("accounts", "a"))
    end
    local runtime <close> = open(options)
    assert.equal("unavailable", select(2, runtime:catch_up "accounts").code)
    assert.equal("paused", state_of(runtime).state)
    assert(runtime:resume "accounts")
    assert(runtime:catch_up "accounts")
    assert.same({ sum = 2, changes = 2 }, runtime:find("accounts", "a"))
  end)

  it("is rebuilt beside the documents that it has", function()
    local runtime <close> = open { lanes = 2 }
    for i = 1, 50 do change(runtime, "k" .. i % 5, 1) end
    assert(runtime:drain())
    local before = assert(runtime:list "accounts")
    assert(runtime:rebuild "accounts")
    assert.same(before, assert(runtime:list "accounts"))
    assert.equal(2, state_of(runtime).build)
    change(runtime, "k1", 1)
    assert(runtime:drain())
    assert.equal(11, runtime:find("accounts", "k1").changes)
    assert(runtime:rebuild "accounts")
    assert.equal(3, state_of(runtime).build)
    assert.equal(11, runtime:find("accounts", "k1").changes)
  end)

  it("of another version is built anew, and answers with what it has until then", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local options = { store = "sqlite:" .. path .. "?synchronous=normal", log = function() end }
    do
      local runtime <close> = open(options)
      change(runtime, "a", 2)
      change(runtime, "a", 3)
      assert(runtime:drain())
    end
    do
      local runtime <close> = open(options, "version = 2,", "error 'not yet'")
      assert.is_nil(runtime:drain())
      assert.same({ sum = 5, changes = 2 }, runtime:find("accounts", "a"))
      assert.equal("frozen", state_of(runtime).state)
      assert.equal("stopped", state_of(runtime).next.state)
    end
    local runtime <close> = open(options, "version = 3,", "doc.last = event.by")
    assert(runtime:drain())
    assert.same({ last = 3 }, runtime:find("accounts", "a"))
    assert.equal(3, state_of(runtime).version)
  end)

  it("has caught up with a command that waits for it", function()
    local runtime <close> = open { lanes = 2, log = function() end }
    for i = 1, 30 do
      local receipt = assert(runtime:dispatch("Change", { id = "a", by = 1 },
        { wait_for = { "accounts" } }))
      assert.is_nil(receipt.caught_up)
      assert.equal(i, runtime:find("accounts", "a").sum)
    end
    assert(runtime:pause "accounts")
    local receipt = assert(runtime:dispatch("Change", { id = "a", by = 1 },
      { wait_for = "accounts" }))
    assert.is_false(receipt.caught_up)
    local _, err = runtime:dispatch("Change", { id = "a", by = 1 }, { wait_for = "acounts" })
    assert.truthy(err.message:find("did you mean 'accounts'?", 1, true), err.message)
  end)

  it("is read by queries, which may wait for it too", function()
    local runtime <close> = assert(domains.open((template:format("", adds):gsub("return shop\n", [[
      local GetAccount = shop:query "GetAccount" { id = "string" }
      local GetAccounts = shop:query "GetAccounts" { prefix = "string?" }
      shop:answer(GetAccount, function(query, context)
        return context:find("accounts", query.id)
      end)
      shop:answer(GetAccounts, function(query, context)
        return context:list("accounts", { prefix = query.prefix, order = "descending" })
      end)
      return shop
    ]]))))
    for i = 1, 20 do
      local receipt = assert(runtime:dispatch("Change", { id = "a" .. i % 2, by = 1 }))
      local account = runtime:query("GetAccount", { id = "a" .. i % 2 }, { after = receipt })
      assert.equal((i + i % 2) // 2, account.changes)
    end
    assert.equal(require "neap".null, runtime:query("GetAccount", { id = "b" }))
    local all = assert(runtime:query("GetAccounts", { prefix = "a" }))
    assert.equal("a1 a0", all[1].key .. " " .. all[2].key)
  end)

  it("that is not there is named", function()
    local runtime <close> = open()
    local _, err = runtime:find("acounts", "a")
    assert.equal("unknown", err.code)
    assert.truthy(err.message:find("did you mean 'accounts'?", 1, true), err.message)
    assert.equal("unknown", select(2, runtime:catch_up "acounts").code)
    assert.equal("usage", select(2, pcall(runtime.list, runtime, "accounts", { limits = 1 })).code
      or "usage")
  end)

  it("equals the fold of the log, whatever happened", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local model, opened = {}, 0
    math.randomseed(7)
    for _ = 1, 6 do
      opened = opened + 1
      local runtime <close> = open({ lanes = opened % 3,
        store = "sqlite:" .. path .. "?synchronous=normal" }, "partitions = 3,")
      for _ = 1, 120 do
        local id, dice = "k" .. math.random(12), math.random(20)
        if dice == 1 then
          assert(runtime:dispatch("Close", { id = id }))
          model[id] = nil
        elseif dice == 2 then
          assert(runtime:dispatch("Open", { id = id, owner = "o" .. dice }))
          model[id] = { owner = "o" .. dice, sum = 0, changes = 0 }
        elseif dice == 3 then
          assert(runtime:rebuild "accounts")
        else
          local doc = model[id] or { sum = 0, changes = 0 }
          doc.sum, doc.changes = doc.sum + dice, doc.changes + 1
          model[id] = doc
          change(runtime, id, dice)
        end
      end
      assert(runtime:drain())
      local found = {}
      for _, it in ipairs(assert(runtime:list "accounts")) do found[it.key] = it.document end
      assert.same(model, found)
    end
  end)
end)

describe("a runtime that runs some of its subscriptions", function()
  local two = template:format("", adds):gsub("return shop\n$", [[
shop:projection "others" { key = "id", events = { Changed = function(doc) doc.seen = true end } }
return shop
]])

  local function states(runtime)
    local by_name = {}
    for _, it in ipairs(assert(runtime:subscriptions())) do by_name[it.name] = it end
    return by_name
  end

  for _, lanes in ipairs { 0, 2 } do
    it("leaves the others as they are stored, with lanes = " .. lanes, function()
      local path = temporary_store()
      local options = { lanes = lanes, store = "sqlite:" .. path }
      do
        local runtime <close> = assert(domains.open(two, options))
        change(runtime, "a", 1)
        assert(runtime:drain())
      end
      options.subscriptions = "accounts"
      do
        local runtime <close> = assert(domains.open(two, options))
        change(runtime, "a", 1)
        change(runtime, "b", 1)
        assert(runtime:drain())
        assert(runtime:catch_up())
        assert.equal(2, runtime:find("accounts", "a").sum)
        assert.is_nil(runtime:find("others", "b"))
        assert.same({ seen = true }, runtime:find("others", "a"))
        local now = states(runtime)
        assert.same({ "live", 3 }, { now.accounts.state, now.accounts.position })
        assert.same({ "elsewhere", 1, 2 },
          { now.others.state, now.others.position, now.others.lag })
        for _, call in ipairs { "catch_up", "rebuild", "pause", "resume" } do
          local _, err = runtime[call](runtime, "others")
          assert.equal("usage", err.code)
          assert.truthy(err.message:find("'others' does not run in this runtime", 1, true))
        end
        local _, err = runtime:dispatch("Change", { id = "a", by = 1 },
          { wait_for = { "others" } })
        assert.equal("usage", err.code)
      end
      options.subscriptions = nil
      do
        local runtime <close> = assert(domains.open(two, options))
        assert(runtime:drain())
        assert.same({ seen = true }, runtime:find("others", "b"))
      end
      options.subscriptions = ""
      do
        local runtime <close> = assert(domains.open(two, options))
        change(runtime, "c", 1)
        assert(runtime:drain())
        assert.equal("elsewhere", states(runtime).accounts.state)
        assert.is_nil(runtime:find("accounts", "c"))
      end
      remove_store(path)
    end)
  end

  it("is told of a name that there is not", function()
    local _, err = domains.open(two, { subscriptions = "accounts, other" })
    assert.equal("unknown", err.code)
    assert.truthy(err.message:find("did you mean 'others'?", 1, true), err.message)
  end)
end)

describe("a rebuild that nobody waits for", function()
  it("says how far it is", function()
    local runtime <close> = open { lanes = 1, log = function() end }
    for _ = 1, 20 do change(runtime, "a", 1) end
    assert(runtime:drain())
    assert(runtime:rebuild_begin "accounts")
    local progress
    repeat
      progress = assert(runtime:rebuild_progress("accounts", 0.01))
      assert.equal(20, progress.head)
      assert.equal(2, progress.build)
    until progress.done
    assert.truthy(progress.elapsed > 0)
    progress.elapsed = nil
    assert.same({ done = true, build = 2, since = 0, position = 20, head = 20, handled = 20 },
      progress)
    assert.equal(20, runtime:find("accounts", "a").sum)
    local _, err = runtime:rebuild_progress "acounts"
    assert.truthy(err.message:find("did you mean 'accounts'?", 1, true), err.message)
  end)

  -- The first opening leaves it unfinished: its projection cannot handle the second event.
  local function leave_unfinished(options, what)
    local runtime <close> = open(options)
    change(runtime, "a", 1)
    change(runtime, "a", 2)
    assert(runtime:drain())
    runtime:close()
    local stopped <close> = open(options, what, "if event.by == 2 then error 'two' end")
    if not what then assert(stopped:rebuild_begin "accounts") end
    assert.equal("unavailable", select(2, stopped:rebuild_progress("accounts", 10)).code)
    assert.equal(2, state_of(stopped).next.build)
  end

  for what, version in pairs { ["that was begun"] = "", ["of a new version"] = "version = 2," } do
    it(what .. " is not begun once more by who opens the store to rebuild it", function()
      local path = temporary_store()
      finally(function() remove_store(path) end)
      local options = { lanes = 1, store = "sqlite:" .. path, log = function() end }
      leave_unfinished(options, version ~= "" and version or nil)
      options.rebuild = "accounts"
      local runtime <close> = open(options, version, "doc.last = event.by")
      local ends = os.time() + 20
      while state_of(runtime).next do -- it is done before anybody asks for it
        assert(os.time() < ends)
      end
      local progress = assert(runtime:rebuild_progress("accounts", 10))
      assert.same({ true, 2 }, { progress.done, progress.build })
      assert.same({ last = 2 }, runtime:find("accounts", "a"))
      assert.equal(2, state_of(runtime).build)
    end)
  end

  it("begins when the store is opened for it, also where there is nothing yet", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local options = { lanes = 1, store = "sqlite:" .. path, rebuild = "accounts" }
    for build = 2, 4 do
      local runtime <close> = open(options)
      repeat
        local progress = assert(runtime:rebuild_progress("accounts", 10))
      until progress.done
      assert.equal(build, state_of(runtime).build)
      change(runtime, "a", 1)
      assert(runtime:drain())
      assert.equal(build - 1, runtime:find("accounts", "a").changes)
    end
  end)

  it("is refused at opening where it cannot be", function()
    local function refused(what, options)
      options.lanes = options.lanes or 1
      local runtime, err = domains.open(template:format(what, adds), options)
      assert.is_nil(runtime)
      return err.code .. ": " .. err.message
    end
    assert.truthy(refused("", { rebuild = "acounts" })
      :find("unknown: .*did you mean 'accounts'%?"))
    assert.truthy(refused("inline = true,", { rebuild = "accounts" }):find("has no checkpoint"))
    assert.truthy(refused("", { rebuild = "accounts", read_only = true })
      :find("usage: option rebuild: projection 'accounts' does not run here %(option read_only%)"))
    assert.truthy(refused("", { rebuild = "accounts", subscriptions = "" })
      :find("does not run here %(option subscriptions%)"))
  end)

  it("says why it has stopped", function()
    local path = temporary_store()
    local options = { lanes = 1, store = "sqlite:" .. path, log = function() end }
    do
      local runtime <close> = open(options)
      change(runtime, "a", 1)
      change(runtime, "a", 2)
      assert(runtime:drain())
    end
    do
      local runtime <close> = open(options, nil, "if event.by == 2 then error 'two' end")
      assert(runtime:rebuild_begin "accounts")
      local _, err = runtime:rebuild_progress("accounts", 10)
      assert.equal("unavailable", err.code)
      assert.truthy(err.message:find "has stopped at position 2: .*two", err.message)
      assert.equal(3, runtime:find("accounts", "a").sum)
    end
    remove_store(path)
  end)
end)
