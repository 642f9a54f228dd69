-- JSON from Lua: values, errors, schemas.

local json = require "neap.json"

-- The message of the error; fails if there is none.
local function problem(value, err)
  assert.is_nil(value)
  return err.message
end

describe("json.decode", function()
  it("keeps integers and floats apart", function()
    local list = assert(json.decode "[1,1.0,-0.0,9223372036854775807,1e2]")
    assert.equal("integer", math.type(list[1]))
    assert.equal("float", math.type(list[2]))
    assert.equal(-math.huge, 1 / list[3])
    assert.equal(math.maxinteger, list[4])
    assert.equal("float", math.type(list[5]))
  end)

  it("keeps null and the empty list apart from nil and {}", function()
    local value = assert(json.decode '{"a":null,"b":[],"c":{}}')
    assert.equal(json.null, value.a)
    assert.equal('{"a":null,"b":[],"c":{}}', json.encode(value))
    assert.equal("[]", json.encode(json.array {}))
    assert.equal("{}", json.encode {})
  end)

  it("gives null for null, without an error", function()
    local value, err = json.decode "null"
    assert.equal(json.null, value)
    assert.is_nil(err)
  end)

  it("says line, column and path of what is wrong", function()
    local value, err = json.decode '{\n  "items": [\n    {"sku": "a"},\n    {"sku": oops}\n  ]\n}'
    assert.is_nil(value)
    assert.equal("invalid", err.code)
    assert.equal("items[2].sku", err.path)
    assert.equal(4, err.line)
    assert.equal(13, err.column)
    assert.equal("items[2].sku: expected a value, found 'o' (line 4, column 13)", err.message)
  end)

  it("refuses a member that comes twice, also among many and escaped", function()
    local message = problem(json.decode '{"a":1,"b":2,"\\u0061":3}')
    assert.truthy(message:find("a member appears twice", 1, true))
    local members = {}
    for i = 1, 1000 do members[i] = ('"k%d":%d'):format(i, i) end
    assert.equal(1000, json.decode("{" .. table.concat(members, ",") .. "}").k1000)
    members[1000] = '"k7":0'
    local _, err = json.decode("{" .. table.concat(members, ",") .. "}")
    assert.equal("k7", err.path)
  end)

  it("sees names by their text, however often and in whatever order they come", function()
    local seed = 1
    for _ = 1, 300 do
      local names, parts = {}, {}
      for i = 1, 20 do
        seed = (seed * 1103515245 + 12345) % 0x80000000
        local name = ("n"):rep(seed % 45) .. seed // 64 % 97
        if not names[name] then
          names[name] = i
          table.insert(parts, ('"%s":%d'):format(name, i))
        end
      end
      assert.same(names, json.decode("{" .. table.concat(parts, ",") .. "}"))
    end
  end)

  it("is not confused by names that look alike", function()
    local names = { "aaaaaaaabbbbbbbbcccccccc", "aaaaaaaaxxxxxxxxcccccccc", "aaaaaaaacccccccc", "" }
    local members, expected = {}, {}
    for i, name in ipairs(names) do
      members[i] = ('"%s":%d'):format(name, i)
      expected[name] = i
    end
    local text = "{" .. table.concat(members, ",") .. "}"
    for _ = 1, 3 do assert.same(expected, json.decode(text)) end
  end)

  it("refuses what is nested too deeply", function()
    local _, err = json.decode(("["):rep(200) .. ("]"):rep(200))
    assert.equal("limit", err.code)
  end)

  it("needs a text", function()
    assert.has_error(function() json.decode({}) end)
    assert.has_error(function() json.decode("{}", {}) end)
    assert.has_error(function() json.decode("{}", io.stdout) end)
  end)
end)

describe("json.encode", function()
  it("sorts names bytewise at every depth", function()
    assert.equal('{"B":1,"a":{"x":1,"y":2},"b":[{"p":1,"q":2}]}',
      json.encode { b = { { q = 2, p = 1 } }, a = { y = 2, x = 1 }, B = 1 })
  end)

  it("gives equal tables equal texts, however they were filled", function()
    local one, two = {}, {}
    for i = 1, 100 do one["k" .. i] = i end
    for i = 100, 1, -1 do two["k" .. i] = i end
    two.more = 1
    two.more = nil
    assert.equal(json.encode(one), json.encode(two))
  end)

  it("names the path of what JSON cannot say", function()
    local cycle = { deep = {} }
    cycle.deep.back = cycle
    assert.equal("deep.back: a table contains itself", problem(json.encode(cycle)))
    assert.equal("lines[2].f: JSON has no function",
      problem(json.encode { lines = { { f = 1 }, { f = print } } }))
    assert.equal('["a b"].c: JSON has no NaN', problem(json.encode { ["a b"] = { c = 0 / 0 } }))
    assert.equal("a list has holes: its keys are not 1, 2, 3 …", problem(json.encode { 1, nil, 3 }))
    assert.equal("a table has both names and places as keys",
      problem(json.encode(json.array { x = 1 })))
  end)

  it("can be called again from within, by a field's function", function()
    local inner
    local schema = json.schema { a = function(value)
      inner = json.encode { value, ("x"):rep(100) }
      return true
    end, b = "string" }
    assert.equal('{"a":1,"b":"z"}', json.encode({ a = 1, b = "z" }, schema))
    assert.equal('[1,"' .. ("x"):rep(100) .. '"]', inner)
    assert.equal("[]", json.encode(json.array {}))
  end)

  it("goes on after a field's function raised", function()
    local schema = json.schema { a = function() error "no" end }
    for _ = 1, 3 do
      assert.has_error(function() json.encode({ a = 1 }, schema) end)
      assert.equal('{"a":1}', json.encode { a = 1 })
    end
  end)
end)

describe("a schema", function()
  local order = json.schema({
    order_id = "string",
    total = "integer",
    rate = "number?",
    paid = "boolean?",
    lines = { { sku = "string", count = "integer" } },
    extra = "table?",
    note = "string?",
    whatever = "any?",
  }, "PlaceOrder")

  local good = '{"lines":[{"count":1,"sku":"s-1"}],"order_id":"o-1","total":12}'

  it("lets through what fits, in both directions", function()
    local value = assert(json.decode(good, order))
    assert.same({ lines = { { count = 1, sku = "s-1" } }, order_id = "o-1", total = 12 }, value)
    assert.equal(good, json.encode(value, order))
    local full = '{"extra":{"a":[1]},"lines":[],"note":"n","order_id":"o-1","paid":true,'
      .. '"rate":1,"total":12,"whatever":null}'
    value = assert(json.decode(full, order))
    assert.equal(full, json.encode(value, order))
    assert.equal(json.null, value.whatever)
  end)

  it("takes members in any order, with space and escapes", function()
    local text = ' { "total" : 12 , "\\u006frder_id":"o-1","lines" : [ ] } '
    local value = assert(json.decode(text, order))
    assert.equal("o-1", value.order_id)
    assert.equal('{"lines":[],"order_id":"o-1","total":12}', json.encode(value, order))
  end)

  local wrong = {
    { '{"lines":[],"order_id":"o-1","total":"12"}',
      'total: expected integer, got string "12"', "total" },
    { '{"lines":[],"order_id":"o-1","total":1.0}',
      "total: expected integer, got float 1.0", "total" },
    { '{"lines":[],"order_id":"o-1"}', "total: expected integer, got nothing", "total" },
    { '{"lines":[],"order_id":7,"total":1}',
      "order_id: expected string, got integer 7", "order_id" },
    { '{"lines":[],"order_id":null,"total":1}',
      "order_id: expected string, got null", "order_id" },
    { '{"lines":{},"order_id":"o","total":1}', "lines: expected list, got table", "lines" },
    { '{"lines":[1],"order_id":"o","total":1}',
      "lines[1]: expected table, got integer 1", "lines[1]" },
    { '{"lines":[{"count":1,"sku":"s"},{"count":1}],"order_id":"o","total":1}',
      "lines[2].sku: expected string, got nothing", "lines[2].sku" },
    { '{"lines":[],"order_id":"o","paid":"yes","total":1}',
      'paid: expected boolean, got string "yes"', "paid" },
    { '{"extra":3,"lines":[],"order_id":"o","total":1}',
      "extra: expected table, got integer 3", "extra" },
    { '{"lines":[],"order_id":"o","ratr":1,"total":1}',
      "ratr: unknown field; did you mean 'rate'?", "ratr" },
    { '{"lines":[],"order_id":"o","total":1,"zebra":1}', "zebra: unknown field", "zebra" },
    { '{"lines":[{"cout":1}],"order_id":"o","total":1}',
      "lines[1].cout: unknown field; did you mean 'count'?",
      "lines[1].cout" },
    { "[]", "expected table, got list", "" },
    { "null", "expected table, got null", "" },
  }
  for _, case in ipairs(wrong) do
    it("says of a message: " .. case[2], function()
      local value, err = json.decode(case[1], order)
      assert.is_nil(value)
      assert.equal("invalid", err.code)
      assert.equal(case[2], err.message)
      assert.equal(case[3], err.path or "")
      assert.equal(1, err.line)
    end)
    local table_given = json.decode(case[1])
    -- An empty object and an empty list are both {} in Lua.
    if type(table_given) == "table" and not case[2]:find "got table$" and case[1] ~= "[]" then
      it("says of a table: " .. case[2], function()
        assert.equal(case[2], problem(json.encode(table_given, order)))
      end)
    end
  end

  it("refuses what is no JSON, or says a field twice", function()
    local twice = problem(json.decode('{"total":1,"total":2}', order))
    assert.truthy(twice:find "^total: a member appears twice")
    assert.truthy(problem(json.decode('{"total":01}', order)):find "^total: a number begins")
    assert.truthy(problem(json.decode(good .. "x", order)):find "^expected the end")
    assert.truthy(problem(json.decode(good:sub(1, -2), order)):find "found the end")
    for size = 0, #good - 1 do assert.is_nil((json.decode(good:sub(1, size), order))) end
  end)

  it("takes null of an optional field for absent, and of another for wrong", function()
    local value = assert(json.decode('{"lines":[],"note":null,"order_id":"o","total":1}', order))
    assert.is_nil(value.note)
    local text = '{"lines":[],"order_id":"o","total":1}'
    local given = { lines = {}, note = json.null, order_id = "o", total = 1 }
    assert.equal(text, json.encode(given, order))
    assert.equal("total: expected integer, got null",
      problem(json.encode({ lines = {}, order_id = "o", total = json.null }, order)))
  end)

  it("asks a function about its field, and about its absence", function()
    local mail = json.schema { to = function(value)
      return type(value) == "string" and value:find "@" ~= nil, "expected an address"
    end }
    assert.equal("a@b", json.decode('{"to":"a@b"}', mail).to)
    assert.equal('to: expected an address, got string "x"',
      problem(json.decode('{"to":"x"}', mail)))
    assert.equal("to: expected an address, got nothing", problem(json.decode("{}", mail)))
    assert.equal("to: expected an address, got nothing", problem(json.encode({}, mail)))
    assert.equal('to: expected an address, got string "x"',
      problem(json.encode({ to = "x" }, mail)))
    local perhaps = json.schema { n = function(value) return value == nil or value == 1 end }
    assert.same({}, json.decode("{}", perhaps))
    assert.equal("{}", json.encode({}, perhaps))
    assert.equal("n: expected a value that its check accepts, got integer 2",
      problem(json.decode('{"n":2}', perhaps)))
    local loud = json.schema { n = function() error("boom", 0) end }
    assert.has_error(function() json.decode('{"n":2}', loud) end, "boom")
  end)

  it("finds no fault with whole numbers for a number, but with floats for an integer", function()
    local numbers = json.schema { whole = "integer", any = "number" }
    assert.equal('{"any":3,"whole":4}', json.encode({ any = 3, whole = 4 }, numbers))
    assert.equal('{"any":3.0,"whole":4}', json.encode({ any = 3.0, whole = 4 }, numbers))
    assert.equal("whole: expected integer, got float 4.0",
      problem(json.encode({ any = 3, whole = 4.0 }, numbers)))
  end)

  it("finds cycles, holes, and keys that are no names", function()
    local lists = json.schema { list = { "integer" }, any = "any?" }
    assert.equal("list: a list has holes: its keys are not 1, 2, 3 …",
      problem(json.encode({ list = { 1, nil, 3 } }, lists)))
    assert.equal("list[2]: expected integer, got boolean true",
      problem(json.encode({ list = { 1, true } }, lists)))
    assert.equal("a key is a number, not a name",
      problem(json.encode({ list = {}, [1] = 1 }, lists)))
    local cycle = { list = {} }
    cycle.any = cycle
    assert.equal("any: a table contains itself", problem(json.encode(cycle, lists)))
  end)

  it("handles names that JSON escapes, and many fields", function()
    local odd = json.schema { ['a"b'] = "integer", ["é\n"] = "string", [""] = "boolean" }
    local text = '{"":true,"a\\"b":1,"é\\n":"x"}'
    assert.equal(text, json.encode(assert(json.decode(text, odd)), odd))
    local fields, value = {}, {}
    for i = 1, 200 do
      fields[("field_%03d"):format(i)] = i % 2 == 0 and "integer" or "integer?"
      if i % 2 == 0 or i % 3 == 0 then value[("field_%03d"):format(i)] = i end
    end
    local many = json.schema(fields)
    local encoded = assert(json.encode(value, many))
    assert.equal(encoded, json.encode(value))
    assert.same(value, json.decode(encoded, many))
    value.field_100 = nil
    assert.equal("field_100: expected integer, got nothing", problem(json.encode(value, many)))
  end)

  it("is itself checked", function()
    local function refusal(fields)
      local ok, why = pcall(json.schema, fields, "Order")
      assert.is_false(ok)
      return why
    end
    assert.equal('Order.a: unknown type "strng"; did you mean "string"?', refusal { a = "strng" })
    assert.equal('Order.a.b[]: unknown type "intger?"; did you mean "integer?"?',
      refusal { a = { b = { "intger?" } } })
    assert.equal('Order.a: unknown type "?"', refusal { a = "?" })
    assert.equal("Order.a[]: a list's element cannot be optional", refusal { a = { "integer?" } })
    assert.equal("Order.a: a type is a name, a table or a function", refusal { a = 1 })
    assert.equal("Order: a table of fields has a key that is not a name", refusal { "a" })
    assert.equal('Order.a: a list has one type, as in { "integer" }',
      refusal { a = { "integer", "string" } })
    assert.equal('Order.a: a list has one type, as in { "integer" }',
      refusal { a = { "integer", b = "string" } })
    local nested = {}
    nested.a = nested
    assert.truthy(refusal(nested):find("types are nested too deeply", 1, true))
    local many = {}
    for i = 1, 201 do many["f" .. i] = "any" end
    assert.equal("Order: a table has more than 200 fields", refusal(many))
  end)

  it("lives as long as somebody has it, and no longer", function()
    local weak = setmetatable({}, { __mode = "k" })
    local text = '{"a":{"b":"x"},"c":1}'
    do
      local schema
      schema = json.schema { a = { b = "string" }, c = function() return schema ~= nil end }
      weak[schema] = true
      collectgarbage()
      collectgarbage()
      assert.equal(text, json.encode(assert(json.decode(text, schema)), schema))
      assert.truthy(next(weak))
    end
    collectgarbage()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)
