-- What a word of the REPL's input can become: verbs, message names, stream ids, fields.

local ink = require "neap.repl_ink"

local complete = {}

local most_ids = 200

local function add(words, seen, word, prefix)
  if type(word) == "string" and string.sub(word, 1, #prefix) == prefix and not seen[word] then
    seen[word] = true
    words[#words + 1] = word
  end
end

local function names_of(session, prefix, words, seen)
  for _, definition in ipairs(session.past:definitions()) do
    add(words, seen, definition.name, prefix)
  end
end

-- Streams that begin so; ids are what is behind the category. They become part of a text in quotes,
-- and the prefix is that of one.
local function streams_of(session, prefix, cut, words, seen)
  local plain = string.match(prefix, "^[^\\]*")
  local streams = session.past:streams { prefix = plain, limit = most_ids }
  for _, each in ipairs(streams or {}) do
    local rest = ink.escape(string.sub(each.stream, cut + 1), true)
    add(words, seen, rest, string.sub(prefix, cut + 1))
  end
end

local function of_text(session, before, prefix, words, seen)
  local aggregate = string.match(before, '["\']([%w_]+)["\']%s*,%s*$')
  if aggregate then
    streams_of(session, aggregate .. "-" .. prefix, #aggregate + 1, words, seen)
  elseif string.find(before, "stream%s*=%s*$") or string.find(before, "streams%s*%(?%s*$") then
    streams_of(session, prefix, 0, words, seen)
  else
    names_of(session, prefix, words, seen)
  end
end

local function of_fields(session, path, prefix, words, seen)
  local value = session.env
  for name in string.gmatch(path, "[%w_]+") do
    value = type(value) == "table" and value[name]
  end
  for key in next, type(value) == "table" and value or {} do
    if type(key) == "string" and string.find(key, "^[%a_][%w_]*$") then
      add(words, seen, key, prefix)
    end
  end
end

local function of_names(session, prefix, words, seen)
  for name in pairs(session.env) do add(words, seen, name, prefix) end
  if prefix ~= "" then
    for name in pairs(_G) do add(words, seen, name, prefix) end
  end
end

-- The quote that is open at the end of the line, and what stands behind it.
local function open_text(line)
  local quote, from
  for at, character in string.gmatch(line, '()(["\'])') do
    if not quote then
      quote, from = character, at
    elseif quote == character then
      quote = nil
    end
  end
  return quote and from
end

---@param session neap.Repl
---@param line string
---@return integer from
---@return string[] words
function complete.of(session, line)
  local words, seen = {}, {}
  local quote = open_text(line)
  local from
  if quote then
    from = quote + 1
    of_text(session, string.sub(line, 1, quote - 1), string.sub(line, from), words, seen)
  else
    local path, at, prefix = string.match(line, "([%w_.]-)%.?()([%w_]*)$")
    from = at
    if path ~= "" and string.sub(line, at - 1, at - 1) == "." then
      of_fields(session, path, prefix, words, seen)
    else
      from, prefix = string.match(line, "()([%w_]*)$")
      of_names(session, prefix, words, seen)
    end
  end
  table.sort(words)
  return from, words
end

return complete
