-- The examples' specs give the same in stock Lua and inside the command.

local root = assert(os.getenv "NEAP_SOURCE", "NEAP_SOURCE says where the tree is")
local build = assert(os.getenv "NEAP_BUILD", "NEAP_BUILD says where it was built")

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function output_of(command)
  local pipe = assert(io.popen("cd " .. quoted(root) .. " && " .. command .. " 2>&1"))
  local text = pipe:read "a"
  local _, _, status = pipe:close()
  return text, status
end

describe("the spec of", function()
  for _, example in ipairs { "shop", "courses" } do
    it(example .. " passes in stock Lua and inside the command alike", function()
      local folder = "examples/" .. example
      local command = quoted(build .. "/bin/neap")
      local inside, status = output_of(command .. " spec --output TAP " .. folder)
      assert.equal(0, status, inside)
      assert.truthy(inside:find "ok 1 %- ", inside)
      local stock
      stock, status = output_of('lua5.4 "$(command -v busted)" --output TAP ' .. folder)
      assert.equal(0, status, stock)
      assert.equal(inside, stock)
    end)
  end
end)
