-- How something came about: an aggregate's instance, a projection's document or a saga, event by
-- event, each of which is folded once on the way forward.
--
-- Backward it is folded forward too, and put down at marks; then what is behind a mark is divided
-- further, until a piece is small enough to be handed out from its end. So a stream of n events is
-- folded a few times, and memory has room for some marks and one piece.

local internal = require "neap.internal"
local check = require "neap.check"
local difference = require "neap.difference"
local json = require "neap.json"

local native = internal.history

local changes = {}

local piece = 64 -- events
local most_marks = 32

local kinds = { "aggregate", "projection", "saga" }

---What evolves.
---@class neap.Evolved
---@field package past neap.Past
---@field kind "aggregate" | "projection" | "saga"
---@field name string
---@field id any
---@field by_version boolean whether its places are versions of its stream; else they are positions

---@param past neap.Past
---@param name any
---@param id any an aggregate's id, or the key of a document or a saga
---@return neap.Evolved
function changes.of(past, name, id)
  local names = {}
  for _, kind in ipairs(kinds) do
    for _, each in ipairs(past:definitions()) do
      if each.kind == kind then names[#names + 1] = each.name end
      if each.kind == kind and each.name == name then
        local by_version = kind == "aggregate" and type(id) ~= "table"
        return { past = past, kind = kind, name = name, id = id, by_version = by_version }
      end
    end
  end
  check.misuse("the domain has no aggregate, projection or saga '%s'%s", tostring(name),
    check.did_you_mean(tostring(name), names))
end

---@param it neap.Evolved
---@param event neap.StoredEvent
---@return integer
function changes.place(it, event)
  return it.by_version and event.version or event.position
end

---The stream's version, or where places are positions, the past's.
---@param it neap.Evolved
---@return integer
function changes.last(it)
  if not it.by_version then return it.past:position() end
  local stream = it.name .. "-" .. tostring(it.id)
  local event = it.past:first { stream = stream, backward = true }
  return event and event.version or 0
end

---Whether the event at its last place is the last one of its past too.
---@param it neap.Evolved
---@param last integer
---@return boolean
function changes.is_at(it, last)
  if not it.by_version then return true end
  local stream = it.name .. "-" .. tostring(it.id)
  local event = it.past:first { stream = stream, from = last, to = last }
  return event ~= nil and event.position == it.past:position()
end

-- A field's path as the runtime takes it.
local function field_list(field)
  if field == nil then return nil end
  local keys = type(field) == "string" and difference.path(field)
  if not keys or #keys == 0 then
    check.misuse("%s is no field; one is named as in \"status\", or \"lines[2].sku\"",
      difference.show(field))
  end
  return assert(json.encode(json.array(keys)))
end

---@class neap.EvolutionOptions
---@field field? string
---@field every? boolean
---@field nearest? boolean
---@field behind? integer
---@field to? integer

---@param it neap.Evolved
---@param options neap.EvolutionOptions
---@return userdata evolution
local function open(it, options)
  local evolution, err = native.evolution(it.past.runtime, it.name, it.id, {
    field = field_list(options.field), every = options.every, nearest = options.nearest,
    behind = options.behind, to = options.to,
  }, it.kind)
  if not evolution then error(err, 0) end
  return evolution
end

---Each event, what it was before, and what it is behind it. What it was is the same table as what
---it was behind the event before, and not to be changed.
---@param evolution userdata
---@return fun(): neap.StoredEvent?, any, any
local function steps(evolution)
  local known, last = false, nil
  return function()
    local event, old, now = native.evolution_next(evolution, known)
    if not event then return nil end
    if known then old = last end
    known, last = true, now
    return event, old, now
  end
end

local function forward(it, options)
  local evolution = open(it, {
    field = options.field, every = options.every, to = options.to,
    behind = options.from and math.max(options.from - 1, 0),
  })
  return steps(evolution), evolution
end

-- ---- Backward -----------------------------------------------------------------------------------

-- Every other mark goes.
local function thin_out(marks, first)
  local left = first
  for i = first, #marks, 2 do
    local mark, gone = marks[i], marks[i + 1]
    mark.count = mark.count + (gone and gone.count or 0)
    if gone then native.evolution_close(gone.evolution) end
    marks[left], left = mark, left + 1
  end
  for i = #marks, left, -1 do marks[i] = nil end
end

-- Puts marks behind the last one, up to the end of what it stands for.
local function divide(marks)
  local mark = table.remove(marks)
  local first = #marks + 1
  local left = mark.count or math.maxinteger
  local spacing = mark.count and math.max(piece, mark.count // most_marks + 1) or piece
  local at = mark.evolution
  local wanted, count
  repeat
    local before = native.evolution_copy(at)
    wanted = math.min(spacing, left)
    count = native.evolution_skip(at, wanted)
    if count == 0 then
      native.evolution_close(before)
    else
      marks[#marks + 1] = { evolution = before, count = count }
      if #marks - first + 1 > most_marks then
        thin_out(marks, first)
        spacing = spacing * 2
      end
    end
    left = left - count
  until count < wanted or left == 0
  native.evolution_close(at)
end

-- What is behind the last mark, which is taken away, up to a place.
local function take_piece(marks, stop)
  local mark, found = table.remove(marks), {}
  local evolution <close> = native.evolution_copy(mark.evolution, stop)
  native.evolution_close(mark.evolution)
  for event, old, now in steps(evolution) do found[#found + 1] = { event, old, now } end
  return found
end

-- The last place before `high` from which something is kept, but not before `low`.
local function first_mark(it, options, low, high)
  local evolution = open(it, {
    field = options.field, every = options.every, to = high, nearest = true, behind = high - 1,
  })
  local place = native.evolution_at(evolution)
  if place < low - 1 then
    native.evolution_close(evolution)
    evolution, place = open(it, {
      field = options.field, every = options.every, to = high, behind = low - 1,
    }), low - 1
  end
  return { evolution = evolution }, place
end

local function backward(it, options)
  local low, high = options.from or 1, math.min(options.to or math.maxinteger, changes.last(it))
  local marks, begin, stop, found = {}, nil, high, {}
  local closing = setmetatable({}, { __close = function()
    for _, mark in ipairs(marks) do native.evolution_close(mark.evolution) end
  end })
  return function()
    while #found == 0 do
      if #marks == 0 then
        high = begin or high
        if high < low then return nil end
        marks[1], begin = first_mark(it, options, low, high)
        stop = high
      end
      while not marks[#marks].count or marks[#marks].count > piece do
        divide(marks)
        if #marks == 0 then break end
      end
      if #marks > 0 then
        local place = native.evolution_at(marks[#marks].evolution)
        found = take_piece(marks, stop)
        stop = place
      end
    end
    return table.unpack(table.remove(found), 1, 3)
  end, closing
end

---@class neap.StepsOptions
---@field field? string
---@field every? boolean of an aggregate: also events that change nothing
---@field from? integer
---@field to? integer
---@field backward? boolean

---@param it neap.Evolved
---@param options neap.StepsOptions
---@return fun(): neap.StoredEvent?, any, any next_step the event, what it was, and what it became
---@return table closing to be closed where not all of them are wanted
function changes.steps(it, options)
  return (options.backward and backward or forward)(it, options)
end

---What an event made of it, as a whole.
---@param it neap.Evolved
---@param event neap.StoredEvent
---@return any old
---@return any now
function changes.at(it, event)
  local place = changes.place(it, event)
  local evolution <close> = open(it, { behind = place - 1, to = place, every = true })
  local _, old, now = native.evolution_next(evolution)
  return old, now
end

return changes
