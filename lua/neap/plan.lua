-- A loaded domain, checked as a whole: who handles what.

local chain = require "neap.chain"
local check = require "neap.check"
local domain = require "neap.domain"
local evolution = require "neap.evolution"
local instance = require "neap.instance"
local services = require "neap.services"

local plan = {}

---@param defined neap.Domain
local function check_finished(defined)
  for _, label in ipairs(check.sorted_keys(defined.unfinished)) do
    check.misuse_at(defined.unfinished[label],
      "%s is named, but not described: its table is missing", label)
  end
end

---@param defined neap.Domain
---@return table<string, table>
local function entries_of(defined)
  local by_name = {}
  for index, message in ipairs(defined.messages) do
    by_name[message.name] = { index = index, message = message, place = message.place }
  end
  return by_name
end

---@param by_name table<string, table>
---@param kind neap.Kind
---@param name string
---@param place neap.Place
---@param what string
---@param fate? string what became of it, if it is not defined
local function check_defined(by_name, kind, name, place, what, fate)
  local entry = by_name[name]
  if not entry then
    local names = {}
    for known, other in pairs(by_name) do
      if other.message.kind == kind then
        names[#names + 1] = known
      end
    end
    table.sort(names)
    check.misuse_at(place, "%s handles the %s '%s', which is not defined%s", what, kind, name,
      fate or check.did_you_mean(name, names))
  elseif entry.message.kind ~= kind then
    check.misuse_at(place, "%s handles '%s' as %s, but it is %s", what, name, check.a(kind),
      check.a(entry.message.kind))
  end
end

---@param entry table
---@param handler function
---@param by string
---@param place neap.Place
local function take(entry, handler, by, place)
  if entry.handler then
    check.misuse_at(place, "%s '%s' has two handlers: %s, and before that %s at %s:%d",
      entry.message.kind, entry.message.name, by, entry.by, entry.handled_at.file,
      entry.handled_at.line)
  end
  entry.handler, entry.by, entry.handled_at = handler, by, place
end

---@param aggregate table
---@param index integer
---@param by_name table<string, table>
local function plan_commands(aggregate, index, by_name)
  local what = string.format("aggregate '%s'", aggregate.name)
  local messages = {}
  for _, name in ipairs(check.sorted_keys(aggregate.commands)) do
    local handler = aggregate.commands[name]
    local place = check.place_of(handler)
    check_defined(by_name, "command", name, place, what)
    local entry = by_name[name]
    take(entry, handler, what, place)
    entry.aggregate = index
    messages[#messages + 1] = entry.message
  end
  instance.plan(aggregate, messages)
end

---@param aggregate table
---@param by_name table<string, table>
---@param defined neap.Domain
local function plan_events(aggregate, by_name, defined)
  local what = string.format("aggregate '%s'", aggregate.name)
  aggregate.folds, aggregate.types = {}, evolution.types(aggregate.events, defined)
  for _, name in ipairs(check.sorted_keys(aggregate.events)) do
    local fold = aggregate.events[name]
    local place = check.place_of(fold)
    check_defined(by_name, "event", name, place, what, evolution.fate(name, defined))
    if by_name[name].message.transient then
      check.misuse_at(place, "%s folds the event '%s', which is transient and never stored", what,
        name)
    end
    instance.check_event(aggregate, by_name[name].message, place)
    aggregate.folds[by_name[name].index] = fold
  end
  if next(aggregate.commands) ~= nil and next(aggregate.events) == nil then
    check.misuse_at(aggregate.place, "%s decides commands, but has no fold for any event", what)
  end
  instance.check_tags(aggregate, by_name)
end

---Lets middleware check what it says of the domain's messages.
---@param defined neap.Domain
local function check_middleware(defined)
  local messages = domain.messages_by_name(defined)
  for _, entry in ipairs(defined.middleware) do
    local class = type(entry.handler) == "table" and getmetatable(entry.handler)
    if type(class) == "table" and class.check_domain then
      class.check_domain(messages, entry.place)
    end
  end
end

---Checks what a domain's file gave, and what it defined, as a whole. Raises with file and line.
---@param defined any
---@return table
function plan.make(defined)
  if not domain.is(defined) then
    error(string.format("the domain's file must return its domain, but returned %s",
      defined == nil and "nothing" or "a " .. type(defined)), 0)
  end
  check_finished(defined)
  local by_name = entries_of(defined)
  for index, aggregate in ipairs(defined.aggregates) do
    plan_commands(aggregate, index, by_name)
    plan_events(aggregate, by_name, defined)
  end
  for _, registered in ipairs(defined.handlers) do
    local entry = by_name[registered.message.name]
    if not entry or entry.message ~= registered.message then
      check.misuse_at(registered.place, "'%s' belongs to another domain", registered.message.name)
    end
    take(entry, registered.handler, "a handler", registered.place)
  end
  check_middleware(defined)
  local messages = {}
  for name, entry in pairs(by_name) do
    assert(name == entry.message.name)
    messages[entry.index] = entry
  end
  return {
    name = defined.name,
    messages = messages,
    aggregates = defined.aggregates,
    services = defined.services,
    formers = evolution.plan(defined, by_name),
    make_services = services.make,
    composed = chain.compose(defined.middleware),
  }
end

return plan
