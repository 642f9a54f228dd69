-- Inline projections: the document is in the unit of the events, and so there with the receipt.

local domains = require "spec.lua.domains"

-- %s: the version, what the fold of Changed does, more of the domain.
local template = [[
local neap = require "neap"
local shop = neap.domain "shop"
local Changed = shop:event "Changed" { id = "string", by = "integer", other = "string?" }
local Closed = shop:event "Closed" { id = "string" }
local Ignored = shop:event "Ignored" { id = "string" }
shop:command "Change" { id = "string", by = "integer", times = "integer?", other = "string?" }
shop:command "Close" { id = "string" }
shop:command "Ignore" { id = "string" }
shop:aggregate "Account" {
  key = "id",
  initial = { sum = 0 },
  commands = {
    Change = function(state, command)
      if state.sum + command.by < 0 then return neap.reject("short", "it is not enough") end
      local events = {}
      for i = 1, command.times or 1 do
        events[i] = Changed { id = command.id, by = command.by, other = command.other }
      end
      return table.unpack(events)
    end,
    Close = function(_, command) return Closed { id = command.id } end,
    Ignore = function(_, command) return Ignored { id = command.id } end,
  },
  events = {
    Changed = function(state, event) state.sum = state.sum + event.by end,
    Closed = function(state) state.sum = 0 end,
    Ignored = function() end,
  },
}
shop:projection "accounts" {
  key = "id", inline = true, version = %s,
  events = {
    Changed = function(doc, event, context) %s end,
    Closed = function() return neap.delete end,
  },
}
%s
return shop
]]

local adds = "doc.sum, doc.changes = (doc.sum or 0) + event.by, (doc.changes or 0) + 1"

local function open(options, handler, more, version)
  return domains.open(template:format(version or 1, handler or adds, more or ""), options)
end

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

local function change(runtime, id, by, times)
  return runtime:dispatch("Change", { id = id, by = by, times = times })
end

-- What a plain fold of the log gives.
local function fold(runtime)
  local documents = {}
  for event in runtime:events {} do
    local id = event.data.id
    if event.type == "Changed" then
      local doc = documents[id] or { sum = 0, changes = 0 }
      documents[id] = { sum = doc.sum + event.data.by, changes = doc.changes + 1 }
    elseif event.type == "Closed" then
      documents[id] = nil
    end
  end
  return documents
end

local function documents_of(runtime)
  local documents = {}
  for _, it in ipairs(assert(runtime:list "accounts")) do documents[it.key] = it.document end
  return documents
end

describe("an inline projection", function()
  for _, lanes in ipairs { 0, 1, 3 } do
    it("is the fold of the log at every step, with lanes = " .. lanes, function()
      local runtime <close> = assert(open { lanes = lanes })
      local model = {}
      for i = 1, 300 do
        local id = "k" .. math.random(5)
        local what = math.random(10)
        if what == 1 then
          assert(runtime:dispatch("Close", { id = id }))
          model[id] = nil
        elseif what == 2 then
          assert(runtime:dispatch("Ignore", { id = id }))
        elseif what == 3 then
          assert(runtime:publish("Changed", { id = id, by = i }, { stream = "Account-" .. id }))
          local doc = model[id] or { sum = 0, changes = 0 }
          model[id] = { sum = doc.sum + i, changes = doc.changes + 1 }
        else
          local by, times = math.random(-20, 20), math.random(3)
          if change(runtime, id, by, times) then
            local doc = model[id] or { sum = 0, changes = 0 }
            model[id] = { sum = doc.sum + by * times, changes = doc.changes + times }
          end
        end
        assert.same(model[id], runtime:find("accounts", id))
      end
      assert.same(model, documents_of(runtime))
      assert.same(model, fold(runtime))
    end)

    it("builds on what is in flight, with lanes = " .. lanes, function()
      local runtime <close> = assert(open { lanes = lanes })
      local pending = {}
      for i = 1, 200 do
        local id = "k" .. i % 3
        if i % 7 == 0 then
          pending[#pending + 1] = runtime:send("Ignore", { id = id })
        else
          local by = i % 11 == 0 and -9999 or 1
          pending[#pending + 1] = runtime:send("Change", { id = id, by = by })
        end
      end
      for _, it in ipairs(pending) do
        local receipt, err = it:wait()
        assert.is_true(receipt ~= nil or err.code == "short", tostring(err))
      end
      assert.same(fold(runtime), documents_of(runtime))
      assert.is_true(runtime:find("accounts", "k1").changes > 40)
    end)
  end

  it("holds together when handlers publish to the same streams", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local runtime <close> = assert(open({ lanes = 3, store = "sqlite:" .. path }, nil, [[
      local Poke = shop:command "Poke" { id = "string" }
      shop:handle(Poke, function(command, context)
        context:publish(Changed { id = command.id, by = 5 }, { stream = "Account-" .. command.id })
      end)]]))
    local pending = {}
    for i = 1, 100 do
      local id = "k" .. i % 2
      pending[#pending + 1] = runtime:send("Poke", { id = id })
      pending[#pending + 1] = runtime:send("Change", { id = id, by = 1 })
    end
    for _, it in ipairs(pending) do
      local receipt, err = it:wait()
      assert.is_true(receipt ~= nil or err.code == "conflict", tostring(err))
    end
    assert.same(fold(runtime), documents_of(runtime))
  end)

  it("fails the command that its fold fails, and records nothing", function()
    local runtime <close> = assert(open({}, "if event.by == 13 then error('unlucky') end " .. adds))
    assert(change(runtime, "a", 1))
    local receipt, err = change(runtime, "a", 13)
    assert.is_nil(receipt)
    assert.equal("handler", err.code)
    assert.matches("projection 'accounts', event 'Changed' %(Account%-a%): key 'a': .*unlucky",
      err.message)
    assert.same({ sum = 1, changes = 1 }, runtime:find("accounts", "a"))
    assert.equal(2, assert(change(runtime, "a", 2)).version)
    assert.same({ sum = 3, changes = 2 }, runtime:find("accounts", "a"))
    assert.same(fold(runtime), documents_of(runtime))
  end)

  it("must have the key of the stream", function()
    local runtime <close> = assert(open())
    local receipt, err = runtime:publish("Changed", { id = "b", by = 1 }, { stream = "Account-a" })
    assert.is_nil(receipt)
    assert.matches("it is inline, so its key must be that of the event's stream, but it is 'b' for "
      .. "an event of Account%-a", err.message)
  end)

  it("tells no place that an event has not yet", function()
    local runtime <close> = assert(open({},
      "doc.place = context.event.position or context.event.version or context.event.stream"))
    assert(change(runtime, "a", 1))
    assert.same({ place = "Account-a" }, runtime:find("accounts", "a"))
  end)

  it("is built first where there are events before it, and again for another version", function()
    local path = temporary_store()
    finally(function() remove_store(path) end)
    local store = "sqlite:" .. path .. "?synchronous=normal"
    local without = template:format(1, adds, ""):gsub("inline = true, version = 1,", "live = true,")
    local expected
    do
      local runtime <close> = assert(domains.open(without, { store = store }))
      for i = 1, 50 do assert(change(runtime, "k" .. i % 4, i)) end
      expected = fold(runtime)
    end
    for _ = 1, 2 do
      local runtime <close> = assert(open { store = store })
      assert.same(expected, documents_of(runtime))
      assert(change(runtime, "k1", 3))
      expected = fold(runtime)
      assert.same(expected, documents_of(runtime))
    end
    local twice = "doc.twice = (doc.twice or 0) + 2"
    local runtime <close> = assert(open({ store = store }, twice, "", 2))
    local sum = 0
    for _, doc in pairs(documents_of(runtime)) do sum = sum + doc.twice end
    assert.equal(104, sum)
    local done, err = runtime:rebuild "accounts"
    assert.is_nil(done)
    assert.matches("built anew when it has another version and the store is opened", err.message)
  end)
end)
