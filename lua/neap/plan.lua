-- A loaded domain, checked as a whole: who handles what.

local chain = require "neap.chain"
local check = require "neap.check"
local known = require "neap.defined"
local domain = require "neap.domain"
local evolution = require "neap.evolution"
local instance = require "neap.instance"
local outbox = require "neap.outbox"
local saga = require "neap.saga"
local services = require "neap.services"
local subscription = require "neap.subscription"

local plan = {}

---@param defined neap.Domain
local function check_finished(defined)
  for _, label in ipairs(check.sorted_keys(defined.unfinished)) do
    check.misuse_at(defined.unfinished[label],
      "%s is named, but not described: its table is missing", label)
  end
end

---@param a table
---@param b table
local function stands_before(a, b)
  local here, there = a.place, b.place
  if here.file ~= there.file then
    return here.file < there.file
  elseif here.line ~= there.line then
    return here.line < there.line
  end
  return a.name < b.name
end

---In the order in which they stand in the files: the same in every lane, even if they are defined
---in a loop over `pairs`.
---@param list table[]
---@return table[]
local function as_they_stand(list)
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted, stands_before)
  return sorted
end

---@param defined neap.Domain
---@return table<string, table>
local function entries_of(defined)
  local by_name = {}
  for index, message in ipairs(as_they_stand(defined.messages)) do
    by_name[message.name] = { index = index, message = message, place = message.place }
  end
  return by_name
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
    known.check(by_name, "command", name, place, what)
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
    known.check(by_name, "event", name, place, what, evolution.fate(name, defined))
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
  local aggregates = as_they_stand(defined.aggregates)
  for index, aggregate in ipairs(aggregates) do
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
  local subscriptions = as_they_stand(defined.subscriptions)
  for _, planned in ipairs(subscriptions) do
    if planned.kind == "outbox" then
      outbox.plan(planned, by_name, defined)
    else
      subscription.plan(planned, by_name, defined)
    end
    if planned.kind == "saga" then
      saga.plan(planned, by_name)
    end
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
    aggregates = aggregates,
    subscriptions = subscriptions,
    services = defined.services,
    formers = evolution.plan(defined, by_name),
    make_services = services.make,
    composed = chain.compose(defined.middleware),
  }
end

return plan
