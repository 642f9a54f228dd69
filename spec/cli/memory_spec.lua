local json = require "dkjson"
local neap = require "neap_command"

local shim = os.getenv "NEAP_REFUSE_LIBRARY"
local shop = "fixtures/shop.lua"

local input = [[
{"command":"PlaceOrder","data":{"order_id":"o-1","customer":"ada","total":42},"key":"k-1"}
{"command":"PlaceOrder","data":{"order_id":"o-1","customer":"ada","total":42},"key":"k-1"}
{"command":"ShipOrder","data":{"order_id":"o-1","tracking":"t"}}
{"command":"PlaceOrder","data":{"order_id":"o-2","customer":"bob","total":1}}
{"command":"PlaceOrder","data":{"order_id":"o-2","customer":"bob","total":1},"meta":{"by":"spec"}}
]]

-- What the command's exit status may be: done, something failed, the store could not be used.
local allowed = { [0] = true, [1] = true, [3] = true }

describe("the command without memory", function()
  local folder, store

  before_each(function()
    folder = neap.folder()
    store = "sqlite:" .. folder .. "/shop.db"
  end)

  after_each(function() neap.remove(folder) end)

  -- Runs it with the n-th allocation refused; gives false when there are not that many.
  local function refused(nth, persistent, arguments, options)
    local mark = folder .. "/refused"
    os.remove(mark)
    local environment = ("LD_PRELOAD=%s NEAP_REFUSE=%d NEAP_REFUSED=%s %s"):format(
      neap.quote(shim), nth, neap.quote(mark), persistent and "NEAP_REFUSE_ALL=1" or "")
    local status, out, err =
      neap.run(arguments, { stdin = options.stdin, environment = environment })
    local file = io.open(mark)
    if file then file:close() end
    local what = ("%s, refusal %d%s: status %d\n%s%s"):format(table.concat(arguments, " "), nth,
      persistent and " and all after it" or "", status, out, err)
    assert.is_true(allowed[status], what)
    assert.is_true(status == 0 or err ~= "" or out:find('"ok":false', 1, true) ~= nil, what)
    return file ~= nil, status, out, what
  end

  -- Every `stride`-th, once and from then on, until there are not that many.
  local function each(stride, arguments, options, check)
    for _, persistent in ipairs { false, true } do
      local nth = 1
      repeat
        if options.before then options.before() end
        local struck, status, out, what = refused(nth, persistent, arguments, options)
        if check then check(status, out, what) end
        nth = nth + stride
      until not struck
      assert.is_true(nth > 1 + stride)
    end
  end

  local function fill()
    local status = neap.run({ "run", shop, "--store", store }, { stdin = input })
    assert.equal(1, status) -- the last one is refused
  end

  it("answers each line, and holds what it said is done", function()
    local function nothing() os.execute("rm -f " .. neap.quote(folder) .. "/shop.db*") end
    each(9, { "run", shop, "--store", store }, { stdin = input, before = nothing },
      function(_, out, what)
        local done, unknown = 0, 0
        for line in out:gmatch "([^\n]*)\n" do
          local answer = assert(json.decode(line), what)
          if answer.ok and not answer.repeated then
            done = done + #answer.events
          elseif not answer.ok and answer.error.outcome == "unknown" then
            unknown = unknown + 1
          end
        end
        if not io.open(folder .. "/shop.db") then return assert.equal(0, done, what) end
        local status, events = neap.run { "events", "--store", store }
        if status == 3 and done == 0 then return end -- it was not made to its end
        local _, lines = events:gsub("\n", "")
        assert.equal(0, status, what)
        assert.is_true(lines >= done and lines <= done + unknown, what)
        assert.equal(0, (neap.run { "verify", "--store", store }), what)
      end)
  end)

  for _, arguments in ipairs {
    { "query", shop, "GetOrder", '{"order_id":"o-1"}' },
    { "state", shop, "Order", "o-1", "--at", "1" },
    { "events", "--backward", "--type", "OrderPlaced,OrderShipped" },
    { "stats" },
    { "verify" },
  } do
    it("tells all or fails: neap " .. arguments[1], function()
      fill()
      arguments[#arguments + 1] = "--store"
      arguments[#arguments + 1] = store
      local status, whole = neap.run(arguments)
      assert.equal(0, status)
      each(7, arguments, {}, function(ended, out, what)
        if ended == 0 and arguments[1] ~= "stats" then assert.equal(whole, out, what) end
      end)
    end)
  end

  it("tells all or fails: neap check", function()
    each(7, { "check", shop }, {})
  end)
end)
