-- What a runtime says of what it did.

local domains = require "spec.lua.domains"
local exposition = require "spec.lua.exposition"

local counter = [[
local neap = require "neap"
local domain = neap.domain 'count"ing\\'
local Added = domain:event "Added" { id = "string" }
domain:command "Add" { id = "string" }
domain:aggregate "Counter" {
  key = "id",
  initial = { n = 0 },
  commands = {
    Add = function(state, command)
      if state.n == 2 then return neap.reject("full", "it is full") end
      return Added { id = command.id }
    end,
  },
  events = { Added = function(state) state.n = state.n + 1 end },
}
domain:answer(domain:query "Count" { id = "string" }, function(query, context)
  if query.id == "bad" then error "broken" end
  return context:state("Counter", query.id)
end)
return domain
]]

-- Two done, one rejected, one invalid; a query answered and one that fails.
local function worked(options)
  local runtime = assert(domains.open(counter, options))
  for _ = 1, 3 do runtime:dispatch("Add", { id = "a" }) end
  runtime:dispatch("Add", { id = 7 })
  runtime:query("Count", { id = "a" })
  runtime:query("Count", { id = "bad" })
  return runtime
end

describe("runtime:metrics", function()
  for _, lanes in ipairs { 0, 1 } do
    it("counts what was done, with lanes " .. lanes, function()
      local runtime <close> = worked { lanes = lanes }
      local metrics = assert(runtime:metrics())
      local add = metrics.commands.Add
      assert.same({ 2, 1, { invalid = 1 }, 0 },
        { add.done, add.rejected, add.failed, add.decided_again })
      assert.equal(4, add.latency.count)
      assert.is_true(add.latency.p50_us <= add.latency.highest_us)
      local count, writer = metrics.queries.Count, metrics.writer
      assert.same({ 1, { handler = 1 } }, { count.done, count.failed })
      assert.same({ 2, 2, 0 }, { writer.units, writer.events, writer.refused })
      local begun = 0
      for _, lane in ipairs(metrics.lanes) do begun = begun + lane.queue_wait.count end
      assert.same({ lanes + 1, 6 }, { #metrics.lanes, begun })
      assert.equal(2, metrics.store.writer.commit.time.count)
    end)
  end

  it("tells nothing of a runtime in another one", function()
    local runtime <close> = worked()
    local other <close> = assert(domains.open(counter))
    assert.equal(0, other:metrics().commands.Add.done)
    assert.equal(2, runtime:metrics().commands.Add.done)
  end)

  it("counts reading by the host apart from the lanes'", function()
    local runtime <close> = worked()
    assert.same({}, runtime:metrics().store.reader)
    assert.equal(1, runtime:events()().position)
    assert.equal(1, runtime:metrics().store.reader.read.time.count)
  end)

  it("counts a message through middleware once", function()
    local runtime <close> = assert(domains.open((counter:gsub("return domain\n$", [[
      domain:use(function(message, context, next)
        next(message, context)
        return next(message, context)
      end)
      return domain
    ]]))))
    assert(runtime:dispatch("Add", { id = "a" }))
    local add = runtime:metrics().commands.Add
    assert.same({ 1, 1, 2 }, { add.done, add.latency.count, add.decision.count })
  end)

  it("has no writer where nothing is written", function()
    local name = os.tmpname()
    os.remove(name)
    do
      local runtime <close> = assert(domains.open(counter, { store = "sqlite:" .. name }))
      assert(runtime:dispatch("Add", { id = "a" }))
    end
    local reading <close> = assert(domains.open(counter, { store = "sqlite:" .. name,
      read_only = true }))
    assert.is_nil(reading:metrics().writer)
    exposition.read(assert(reading:metrics "prometheus"))
    for _, suffix in ipairs { "", "-wal", "-shm", "-lock" } do os.remove(name .. suffix) end
  end)

  it("knows no other form", function()
    local runtime <close> = worked()
    assert.error_matches(function() runtime:metrics "xml" end,
      'runtime:metrics takes nothing, or "prometheus", but got xml')
  end)
end)

describe("metrics for Prometheus", function()
  it("are as its format wants them", function()
    local runtime <close> = worked()
    local families = exposition.read(assert(runtime:metrics "prometheus"))
    local messages = families.neap_messages_total
    local add = { domain = 'count"ing\\', kind = "command", name = "Add" }
    local function of(outcome)
      return exposition.value(messages, { kind = add.kind, name = add.name, domain = add.domain,
        outcome = outcome })
    end
    assert.same({ 2, 1, 1 }, { of "done", of "rejected", of "invalid" })
    assert.is_nil(of "handler")
    assert.equal(4, exposition.value(families.neap_latency_seconds, add, "_count"))
    assert.equal(2, exposition.value(families.neap_store_call_seconds,
      { role = "writer", call = "commit" }, "_count"))
    assert.equal(1, exposition.value(families.neap_info, {}))
  end)

  it("tell times in seconds", function()
    local runtime <close> = worked()
    local families = exposition.read(assert(runtime:metrics "prometheus"))
    local metrics = runtime:metrics()
    local sum = exposition.value(families.neap_latency_seconds, { name = "Add" }, "_sum")
    assert.equal(metrics.commands.Add.latency.sum_us, math.floor(sum * 1e6 + 0.5))
  end)

  it("are the same families before anything came", function()
    local runtime <close> = assert(domains.open(counter))
    local families = exposition.read(assert(runtime:metrics "prometheus"))
    assert.equal(0, exposition.value(families.neap_messages_total, { name = "Add",
      outcome = "done" }))
    assert.same({}, families.neap_latency_seconds.samples)
  end)
end)

describe("the reader of that format", function()
  local good = '# HELP a_total A.\n# TYPE a_total counter\na_total{x="1"} 1\n'

  it("reads what is right", function()
    assert.equal(1, exposition.value(exposition.read(good).a_total, { x = "1" }))
  end)

  it("refuses what is wrong", function()
    for what, text in pairs {
      ["the last line"] = good:sub(1, -2),
      ["series twice"] = good .. 'a_total{x="1"} 2\n',
      ["not a number"] = good .. 'a_total{x="2"} one\n',
      ["HELP a second time"] = good .. "# HELP a_total A.\n",
      ["value that is not right"] = good .. 'a_total{x="a\\t"} 1\n',
      ["no comma"] = good .. 'a_total{x="2"y="3"} 1\n',
      ["outside its family"] = good .. "# HELP b B.\n# TYPE b gauge\n" .. 'a_total{x="2"} 1\n',
      ["_total"] = "# HELP a A.\n# TYPE a counter\na{} 1\n",
      ["no rise"] = "# HELP h H.\n# TYPE h histogram\n"
        .. 'h_bucket{le="2"} 1\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\n'
        .. "h_sum{} 1\nh_count{} 1\n",
      ["incomplete"] = '# HELP h H.\n# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_count{} 1\n',
    } do
      local ok, why = pcall(exposition.read, text)
      assert.is_false(ok, what)
      assert.truthy(why:find(what, 1, true), why)
    end
  end)
end)
