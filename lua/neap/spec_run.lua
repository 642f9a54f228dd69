-- Runs busted in the state of `neap spec`.

local run = {}

---@class neap.SpecRun
---@field paths string[] files, and folders of which every `*_spec.lua` is run
---@field filter? string a pattern of the names of tests
---@field shuffle boolean
---@field seed? integer of the order
---@field output? string how busted tells: "utfTerminal", "TAP", "json" …

---What takes the place of ending the process, in which more goes on.
local ended = setmetatable({}, {
  __tostring = function()
    return "os.exit was called"
  end,
})

---@param task neap.SpecRun
---@return string[]
local function arguments_of(task)
  local arguments = { [0] = "neap spec" }
  local function add(name, value)
    if value then
      arguments[#arguments + 1] = value == true and name or name .. "=" .. value
    end
  end
  add("--filter", task.filter)
  add("--shuffle", task.shuffle)
  add("--seed", task.seed and tostring(task.seed))
  add("--output", task.output)
  for _, path in ipairs(task.paths) do
    arguments[#arguments + 1] = string.sub(path, 1, 1) == "-" and "./" .. path or path
  end
  return arguments
end

---@param name string
---@return any module
local function find(name)
  local ok, module = pcall(require, name)
  if ok then
    return module
  end
  local reason = string.match(tostring(module), "^[^\n]*[^:\n]")
  error(string.format("busted, which runs specs, cannot be used (%s). On Debian: "
    .. "apt-get install lua-busted. With LuaRocks: luarocks --lua-version 5.4 install busted",
    reason), 0)
end

---Has busted count its tests.
---@param counts table<string, integer> by outcome
local function count_into(counts)
  local core = find "busted.core"
  package.loaded["busted.core"] = function(...)
    local busted = core(...)
    busted.subscribe({ "test", "end" }, function(_, _, status)
      counts[status] = (counts[status] or 0) + 1
      return nil, true -- others want to know it too
    end)
    return busted
  end
end

---Runs the specs. What busted has to say goes to stdout and stderr.
---@param task neap.SpecRun
---@return integer run how many tests were run
---@return integer pending how many said that they cannot be yet
---@return boolean passed whether nothing failed
function run.all(task)
  local counts = {}
  count_into(counts)
  local runner = find "busted.runner"
  _G.arg = arguments_of(task)
  local exit, passed = os.exit, true
  rawset(os, "exit", function()
    error(ended, 0)
  end)
  local ok, why = pcall(runner, { standalone = false })
  rawset(os, "exit", exit)
  if not ok then
    passed = false
    if why ~= ended then
      error(why, 0)
    end
  end
  local pending = counts.pending or 0
  local all = 0
  for _, count in pairs(counts) do
    all = all + count
  end
  return all - pending, pending, passed
end

return run
