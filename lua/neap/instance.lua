-- Which fields of its commands name an aggregate's instance: its key, or its tags.

local check = require "neap.check"

local instance = {}

---The type of the command's field, without the "?". Raises if it cannot name an instance.
---@param aggregate table
---@param message neap.Message
---@param what "key" | "tag"
---@param field string
---@param required boolean
---@return string? nil: the command has no such field
local function type_of(aggregate, message, what, field, required)
  local given = message.fields[field]
  local base = type(given) == "string" and string.gsub(given, "%?$", "") or nil
  if given == nil and not required then
    return nil
  elseif given == nil then
    check.misuse_at(aggregate.place,
      "aggregate '%s': its %s '%s' is not a field of the command '%s'%s", aggregate.name, what,
      field, message.name, check.did_you_mean(field, check.sorted_keys(message.fields)))
  elseif base ~= "string" and base ~= "integer" or required and base ~= given then
    check.misuse_at(aggregate.place,
      "aggregate '%s': its %s '%s' must be a string or an integer in the command '%s'%s",
      aggregate.name, what, field, message.name, required and ", and required" or "")
  end
  return base
end

---The field's type in all commands. Raises if they do not agree.
---@param aggregate table
---@param messages neap.Message[] the commands
---@param what "key" | "tag"
---@param field string
---@param required boolean
---@return string? nil: no command has it
local function common_type(aggregate, messages, what, field, required)
  local found, first
  for _, message in ipairs(messages) do
    local base = type_of(aggregate, message, what, field, required)
    if found and base and base ~= found then
      check.misuse_at(aggregate.place,
        "aggregate '%s': its %s '%s' is %s in the command '%s', but %s in '%s'", aggregate.name,
        what, field, check.a(found), first, check.a(base), message.name)
    end
    if base and not found then
      found, first = base, message.name
    end
  end
  return found
end

---@param aggregate table
---@param messages neap.Message[]
local function plan_tags(aggregate, messages)
  local first = aggregate.given_tags[1]
  local tags = table.move(aggregate.given_tags, 1, #aggregate.given_tags, 1, {})
  table.sort(tags)
  aggregate.tags, aggregate.integer_tags = tags, {}
  for index, tag in ipairs(tags) do
    local base = common_type(aggregate, messages, "tag", tag, tag == first)
    if not base and #messages > 0 then
      check.misuse_at(aggregate.place, "aggregate '%s': its tag '%s' is a field of no command%s",
        aggregate.name, tag,
        check.did_you_mean(tag, check.sorted_keys(messages[1].fields)))
    end
    aggregate.integer_tags[index] = base == "integer"
    if tag == first then
      aggregate.first_tag = index
    end
  end
end

---Notes in the aggregate how its instances are named.
---@param aggregate table
---@param messages neap.Message[] its commands, by name
function instance.plan(aggregate, messages)
  if aggregate.given_tags then
    plan_tags(aggregate, messages)
  else
    aggregate.integer_key =
      common_type(aggregate, messages, "key", aggregate.key, true) == "integer"
  end
end

---Raises unless the event can have one of the aggregate's tags.
---@param aggregate table
---@param event neap.Message
---@param place neap.Place
function instance.check_event(aggregate, event, place)
  if not aggregate.given_tags then
    return
  end
  for _, tag in ipairs(event.tags) do
    for _, own in ipairs(aggregate.given_tags) do
      if tag == own then
        return
      end
    end
  end
  check.misuse_at(place,
    "aggregate '%s' folds the event '%s', which has none of its tags (%s); define it with "
      .. "{ tags = { … } }", aggregate.name, event.name, table.concat(aggregate.given_tags, ", "))
end

---Raises unless each tag of the aggregate is on one of the events that it folds: by another one
---nothing would ever be found.
---@param aggregate table
---@param by_name table<string, { message: neap.Message }>
function instance.check_tags(aggregate, by_name)
  local carried = {}
  for name in pairs(aggregate.events) do
    for _, tag in ipairs(by_name[name].message.tags) do
      carried[tag] = true
    end
  end
  for _, tag in ipairs(aggregate.given_tags or {}) do
    if not carried[tag] and next(aggregate.events) then
      check.misuse_at(aggregate.place,
        "aggregate '%s': its tag '%s' is on no event that it folds%s", aggregate.name, tag,
        check.did_you_mean(tag, check.sorted_keys(carried)))
    end
  end
end

return instance
