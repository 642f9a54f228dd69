local root = os.getenv "NEAP_SOURCE" or "."

local function read(path)
  local file <close> = assert(io.open(root .. "/" .. path))
  return file:read "a"
end

-- The rules that backend.h states: what stands behind "Rules:" in its comments, joined by dots.
local function stated_rules()
  local rules = {}
  for comment in read("core/store/backend.h"):gmatch "/%*(.-)%*/" do
    local list = comment:match "Rules:(.*)"
    if list then
      list = list:gsub("\n%s*%*", " "):gsub("%b()", ""):gsub("%..*", "")
      for name in list:gmatch "[%w_]+" do rules[name] = true end
    end
  end
  return rules
end

local function tested_rules()
  local rules = {}
  for name in read("spec/contract/rules.h"):gmatch "RULE%(([%w_]+)," do rules[name] = true end
  return rules
end

local function missing(wanted, from)
  local names = {}
  for name in pairs(wanted) do
    if not from[name] then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

describe("the contract", function()
  it("has a test for every rule that the interface states", function()
    assert.is_true(next(stated_rules()) ~= nil)
    assert.same({}, missing(stated_rules(), tested_rules()))
  end)

  it("states every rule that it tests", function()
    assert.is_true(next(tested_rules()) ~= nil)
    assert.same({}, missing(tested_rules(), stated_rules()))
  end)
end)
