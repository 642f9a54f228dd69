-- The text of a Lua function, so that it can be run elsewhere.

local internal = require "neap.internal"

local function_text = {}

local function starts_of(text, line)
  local starts, at = {}, 1
  for _ = 2, line do
    at = (string.find(text, "\n", at, true) or #text) + 1
  end
  local line_end = string.find(text, "\n", at, true) or #text + 1
  for start in string.gmatch(string.sub(text, 1, line_end), "()%f[%w_]function%f[^%w_]") do
    if start >= at then starts[#starts + 1] = start end
  end
  return starts
end

-- Without a name, which an expression cannot have.
local function nameless(code)
  return (string.gsub(code, "^function%s+[%w_%.:]+%s*%(", "function(", 1))
end

-- Whether it can be run elsewhere although it uses a local variable: `neap` is there too.
local function uses_neap_alone(value)
  local uses_it = false
  for i = 1, 255 do
    local name = debug.getupvalue(value, i)
    if name == nil then return uses_it end
    if name ~= "_ENV" and name ~= "neap" then return false end
    uses_it = uses_it or name == "neap"
  end
end

-- The function that begins there, if it is the wanted one.
local function text_from(text, start, info, wanted)
  local before = string.rep("\n", info.linedefined - 1)
  for stop in string.gmatch(text, "%f[%w_]end()%f[^%w_]", start) do
    local code = nameless(string.sub(text, start, stop - 1))
    local chunk = load(before .. "return " .. code, "=text", "t", {})
    if chunk then
      -- It is the function's own text if it compiles to the same, upvalues too.
      return (wanted == nil or internal.same_code(chunk(), wanted)) and code or nil
    end
  end
end

---The text of a function in one of the texts that it may be from: "function(order) … end".
---@param value function
---@param texts string[]
---@return string? nil: it is in none of them, or uses local variables around it
function function_text.of(value, texts)
  local info = debug.getinfo(value, "S")
  if info.what == "C" then return nil end
  local by_place = uses_neap_alone(value)
  local wanted = not by_place and value or nil
  for i = #texts, 1, -1 do
    local starts = starts_of(texts[i], info.linedefined)
    if by_place and #starts > 1 then starts = {} end -- it may be any of them
    for _, start in ipairs(starts) do
      local code = text_from(texts[i], start, info, wanted)
      if code then return code end
    end
  end
end

---The texts that a function says that it is from: its file's.
---@param value function
---@return string[]
function function_text.sources(value)
  local source = debug.getinfo(value, "S").source
  local first = string.sub(source, 1, 1)
  if first == "@" then
    local file = io.open(string.sub(source, 2))
    if not file then return {} end
    local text = file:read "a"
    file:close()
    return { text }
  end
  return first == "=" and {} or { source }
end

return function_text
