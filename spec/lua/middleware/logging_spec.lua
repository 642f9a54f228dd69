local neap = require "neap"
local passing = require "spec.lua.middleware.passing"

describe("logging", function()
  local function lines_of(options, ...)
    local lines, found = {}, {}
    options.write = function(line, fields) lines[#lines + 1], found[#found + 1] = line, fields end
    local middleware = neap.middleware.logging(options)
    for _, outcome in ipairs { ... } do
      local context = passing.context()
      middleware({}, context, function()
        context.seconds = context.seconds + 0.25
        return passing.next(outcome)()
      end)
    end
    return lines, found
  end

  it("writes a line for each message, with what became of it and how long it took", function()
    local failure = { code = "conflict", message = "too late" }
    local lines, fields = lines_of({}, "done", failure)
    assert.same({ "command Do (250.0 ms): ok", "command Do (250.0 ms): conflict: too late" }, lines)
    assert.same({ kind = "command", name = "Do", command_id = "an id", seconds = 0.25, slow = false,
      error = failure }, fields[2])
  end)

  it("can pass by successes, but for slow ones", function()
    local failure = { code = "conflict", message = "too late" }
    assert.same({ "command Do (250.0 ms): conflict: too late" },
      (lines_of({ successes = false }, "done", failure)))
    assert.same({ "command Do (250.0 ms): slow" },
      (lines_of({ successes = false, slow = 0.2 }, "done")))
  end)

  it("gives what next gave", function()
    local middleware = neap.middleware.logging { write = function() end }
    local failure = { code = "conflict", message = "too late" }
    assert.equal("done", (middleware({}, passing.context(), passing.next "done")))
    assert.equal(failure, select(2, middleware({}, passing.context(), passing.next(failure))))
  end)

  it("has its options checked", function()
    assert.equal("neap.middleware.logging knows no key 'sucesses'; did you mean 'successes'?",
      passing.mistake(neap.middleware.logging, { sucesses = true }))
  end)
end)
