-- Other functions in the place of some of a domain's: on a branch of history, to try them.

local check = require "neap.check"

local replacement = {}

-- Where functions are, of what has them by name.
local places = { "commands", "events", "timeouts", "rejections" }

local function owner_of(defined, name)
  for _, list in ipairs { defined.aggregates, defined.subscriptions } do
    for _, each in ipairs(list) do
      if each.name == name then return each end
    end
  end
end

local function names_in(defined)
  local names = {}
  for _, list in ipairs { defined.aggregates, defined.subscriptions, defined.messages } do
    for _, each in ipairs(list) do names[#names + 1] = each.name end
  end
  return names
end

-- What the code sees: `neap`, and the messages by their names, beside what any domain sees.
local function environment_of(defined, globals)
  local visible = {}
  visible.neap = require "neap"
  for _, message in ipairs(defined.messages) do visible[message.name] = message end
  return setmetatable(visible, { __index = globals })
end

local function function_of(defined, it, globals)
  local label = it.name and it.of .. "." .. it.name or it.of
  local chunk, why = load("return " .. it.code, "=" .. label, "t",
    environment_of(defined, globals))
  local made = chunk and chunk()
  if type(made) ~= "function" then
    error(string.format("replacement of %s: %s", label, why or "it is no function"), 0)
  end
  return made
end

-- The one handler of a message that is registered by itself.
local function replace_handler(defined, it, made)
  for _, registered in ipairs(defined.handlers) do
    if registered.message.name == it.of then
      registered.handler = made
      return true
    end
  end
  return false
end

local function replace_in(owner, it, made)
  local names = {}
  for _, place in ipairs(places) do
    local functions = owner[place]
    if functions and functions[it.name] then
      functions[it.name] = made
      return
    end
    for _, name in ipairs(functions and check.sorted_keys(functions) or {}) do
      names[#names + 1] = name
    end
  end
  error(string.format("replacement of %s.%s: '%s' has no such function%s", it.of, it.name, it.of,
    check.did_you_mean(it.name, names)), 0)
end

local function check_shape(list)
  local is_list = type(list) == "table" and (next(list) == nil or #list > 0)
  for _, it in ipairs(is_list and list or {}) do
    is_list = is_list and type(it) == "table" and type(it.of) == "string"
      and type(it.code) == "string" and (it.name == nil or type(it.name) == "string")
  end
  if not is_list then
    error("replacements must be a list of { of, name, code }: texts, of which name may be missing",
      0)
  end
end

---@param defined neap.Domain
---@param list { of: string, name?: string, code: string }[]
---@param globals table the domain's
function replacement.apply(defined, list, globals)
  check_shape(list)
  for _, it in ipairs(list) do
    local made = function_of(defined, it, globals)
    local owner = it.name and owner_of(defined, it.of)
    if owner then
      replace_in(owner, it, made)
    elseif it.name or not replace_handler(defined, it, made) then
      error(string.format("replacement: the domain has no '%s'%s", it.of,
        check.did_you_mean(it.of, names_in(defined))), 0)
    end
  end
end

return replacement
