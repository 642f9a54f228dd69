-- Cache: answers of queries, for a while.

local internal = require "neap.internal"
local check = require "neap.check"
local lru = require "neap.middleware.lru"
local options = require "neap.middleware.options"

---@class neap.CacheOptions
---@field seconds? number 60: how long an answer is kept
---@field size? integer 1,000 answers are kept; the longest unused goes first
---@field queries? string[] which; all
---@field key? fun(query: table, context: neap.MiddlewareContext): string? what an answer depends
--- on; nil: it is not kept. Without it: the query's name and fields
---@field clear_on? boolean | string[] true: any command that recorded events clears all; a list:
--- those that recorded events of these types; false: none does

local what = "neap.middleware.cache"

local known = {
  seconds = { types = "?number", default = 60, least = 0, most = 1e9 },
  size = { types = "?number", default = 1000, least = 1, most = 10000000, integer = true },
  queries = { types = "?table" },
  key = { types = "?function" },
  clear_on = { types = "?boolean table", default = true },
}

---@param query table
---@param context neap.MiddlewareContext
---@return string?
local function fields_of(query, context)
  local json = internal.json.encode(query)
  return json and context.name .. " " .. json
end

---@param receipt neap.Receipt
---@param clear_on boolean | table<string, true>
---@return boolean
local function clears(receipt, clear_on)
  if type(clear_on) == "boolean" then
    return clear_on and #receipt.events > 0
  end
  for _, event in ipairs(receipt.events) do
    if clear_on[event] then
      return true
    end
  end
  return false
end

---@class neap.Cache
---@field answers neap.Lru
---@field generation integer counts how often it was cleared

---Answers from the cache, or asks and keeps the answer, unless the cache was cleared meanwhile. It
---is kept as JSON, so that nobody changes what others get.
---@param cache neap.Cache
---@param taken table
---@param key string
local function ask(cache, taken, key, message, context, next)
  local kept = cache.answers:get(key)
  if kept and context:clock() < kept.fresh_until then
    local answer = internal.json.decode(kept.json)
    if answer ~= internal.null then
      return answer
    end
    return nil
  end
  local generation = cache.generation
  local answer, err = next(message, context)
  if err == nil and cache.generation == generation then
    local json = answer == nil and "null" or internal.json.encode(answer)
    if json then
      cache.answers:put(key, { json = json, fresh_until = context:clock() + taken.seconds })
    end
  end
  return answer, err
end

---@param cache neap.Cache
local function clear(cache)
  cache.answers:clear()
  cache.generation = cache.generation + 1
end

---Makes a middleware that answers queries again without asking. What a caller may see must be part
---of the key, or be decided by a middleware around it.
---
---```lua
---shop:use(neap.middleware.cache { seconds = 5, clear_on = { "OrderPlaced" } })
---```
---@param given? neap.CacheOptions
---@return neap.Middleware
local function cache_of(given)
  local taken = options.take(given, known, what)
  local queries = taken.queries and options.set(taken.queries, nil, what .. ": 'queries'")
  local clear_on = taken.clear_on
  if type(clear_on) == "table" then
    clear_on = options.set(clear_on, nil, what .. ": 'clear_on'")
  end
  local key_of = taken.key or fields_of
  local cache = { answers = lru.new(taken.size), generation = 0 }
  return options.checked(function(message, context, next)
    if context.kind == "command" then
      local receipt, err = next(message, context)
      local unknown = err and err.outcome == "unknown" and clear_on
      if unknown or receipt and clears(receipt, clear_on) then
        clear(cache)
      end
      return receipt, err
    elseif context.kind == "event" then
      return next(message, context)
    end
    local key = (not queries or queries[context.name]) and key_of(message, context) or nil
    if key == nil then
      return next(message, context)
    elseif type(key) ~= "string" then
      check.misuse("%s: 'key' must give a text or nothing, but gave a %s", what, type(key))
    end
    return ask(cache, taken, key, message, context, next)
  end, function(defined, place)
    options.check_messages(queries or {}, defined, { query = true }, place, what .. ": 'queries'")
    options.check_messages(type(clear_on) == "table" and clear_on or {}, defined, { event = true },
      place, what .. ": 'clear_on'")
  end)
end

return cache_of
