local neap = require "neap"
local passing = require "spec.lua.middleware.passing"

describe("timeout", function()
  it("narrows the time while next runs", function()
    local context = passing.context()
    function context:timeout(seconds)
      self.narrowed = seconds
      return setmetatable({}, { __close = function() self.narrowed = nil end })
    end
    local function next() return context.narrowed end
    assert.equal(2, (neap.middleware.timeout(2)({}, context, next)))
    assert.is_nil(context.narrowed)
  end)

  it("needs seconds", function()
    for given, got in pairs { ["2"] = "string", [0] = "0", [-1] = "-1" } do
      assert.equal("neap.middleware.timeout needs seconds, above 0 and at most 86400, but got "
        .. got, passing.mistake(neap.middleware.timeout, given))
    end
  end)
end)
