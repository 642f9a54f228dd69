-- What was: a domain on a store's log, looked at as it was at any position.

local internal = require "neap.internal"
local check = require "neap.check"
local fixture = require "neap.fixture"
local past = require "neap.past"
local reload = require "neap.reload"
local time = require "neap.time"

local native = internal.history

---@class neap.HistoryOptions
---@field store? string URL; "sqlite:neap.db"
---@field checkpoint_bytes? integer 256 MiB of memory for what was folded, so that a position need
--- not be folded from the beginning
---@field checkpoint_spacing? integer 50,000: positions from one of them to the next, at first
---@field go_on? fun(position: integer, target: integer): boolean asked now and then while much is
--- folded or looked through; false ends that with the error "unavailable". Also while `follow`
--- waits behind a position, which is then the target, too. It must not use the history or its pasts

---A domain on a store that is opened for reading, and stays as it is.
---@class neap.History
---@field package native userdata
---@field path string the domain's file
---@field package options neap.HistoryOptions
local History = {}
History.__index = function(_, key)
  return History[key] or check.misuse("a history has no '%s'%s", tostring(key),
    check.did_you_mean(tostring(key), { "at", "log", "last", "position",
      "follow", "fixture", "reload", "deterministic", "close" }))
end
History.__name = "neap.History"

---The position that is meant: itself; the last one, for nil; that of the last event that was
---recorded up to a time of UTC, "2026-11-27T14:10:29Z" or a beginning of it; or that of the event
---with an id.
---@param where? integer | string
---@return integer?
---@return neap.Error?
function History:position(where)
  if type(where) == "string" then
    if string.find(where, "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-") then
      return native.event(self.native, where)
    end
    local us = time.parse(where)
    if us == nil then
      check.misuse("history:at: '%s' is neither a time, as in 2026-11-27T14:10:29Z, nor an "
        .. "event's id", where)
    end
    return native.time(self.native, us)
  elseif where ~= nil and math.type(where) ~= "integer" then
    check.misuse("history:at needs a position, a time or an event's id, but got a %s", type(where))
  end
  return where
end

---The past there: what was when the event at the position had been recorded, and nothing after it.
---There may be several at a time, and they may outlive the history.
---
---```lua
---local shop <close> = assert(history.open("shop.lua", { store = "sqlite:shop.db" }))
---local then_ <close> = assert(shop:at "2026-11-27T14:10:29Z")
---print(then_:state("Order", "o-1").status)
---```
---@param where? integer | string a position; a time; an event's id; without it the last position
---@return neap.Past?
---@return neap.Error?
function History:at(where)
  local position, err = self:position(where)
  if err then return nil, err end
  local runtime
  runtime, err = native.at(self.native, position)
  if not runtime then return nil, err end
  return past.of(runtime)
end

---A past at the last position in which nothing is folded, so that it is there at once: for states,
---events, commands and streams. Projections and sagas have nothing in it.
---@return neap.Past?
---@return neap.Error?
function History:log()
  local runtime, err = native.log(self.native)
  if not runtime then return nil, err end
  return past.of(runtime)
end

---The last position that there is now.
---@return integer?
---@return neap.Error?
function History:last()
  return native.last(self.native)
end

---Goes on with what others append, for a `for` loop: waits for the next event, without a
---transaction and without the store's being asked all the time. It ends with the limit or the
---timeout; without them when the loop is left. What goes wrong is raised, "unavailable" where
---`go_on` wants no more.
---
---```lua
---for event in shop:follow { types = "OrderShipped", timeout = 60 } do
---  print(event.position, event.data.order)
---end
---```
---@param filter? neap.FollowFilter begins behind what is there now, if `from` says nothing else
---@return fun(): neap.StoredEvent?
function History:follow(filter)
  local log <close> = assert(self:log())
  return past.follow(self.native, log, filter)
end

---A specification, for `neap.spec`, of what commands decided about an instance. It holds for the
---domain as it is, so that it fails where other code decides otherwise. What was before is left out
---where the outcome is the same without; that says nothing of what other code would look at:
---`against` names the file of that code, and `keep` types that stay. A decision that needs more
---than the events of its stream (an id that was made up, another instance) is an error.
---
---```lua
---print(shop:fixture("Order", "o-1", { from = 2, to = 3 }))
---```
---@param aggregate string by key
---@param id string | integer
---@param options? neap.FixtureOptions without them: what the last command decided
---@return string? text
---@return neap.Error?
function History:fixture(aggregate, id, options)
  local log, err = self:log()
  if not log then return nil, err end
  local _ <close> = log
  return fixture.of(log, self.path, aggregate, id, options, self.options.go_on)
end

---Loads another history of the same store, with changed code.
---@package
---@param path? string
---@return neap.History?
---@return neap.Error?
function History:again(path)
  local opened, err = native.open(path or self.path, self.options)
  if not opened then return nil, err end
  return setmetatable({
    native = opened, path = path or self.path, options = self.options,
  }, History)
end

---What this history's log comes to with the other's code.
---@package
---@param other neap.History
---@param options? neap.ReloadOptions
---@return neap.Reload?
---@return neap.Error?
function History:compare(other, options)
  return reload.compare(self.native, other.native, other.path, options)
end

---Folds the log twice, and tells what does not come to the same: states, documents, sagas, each
---with the event at which they parted and the function that handled it, and decisions that are made
---again from what was recorded. The one fold goes through the tables of `pairs` and `next` forward,
---the other backward, with other addresses, and after each event was handled once for nothing: so
---what depends on the order of keys, on `tostring` of a table, or on variables outside of states
---differs.
---
---```lua
---local report = assert(shop:deterministic())
---assert(report.same, report.first and report.first.handler)
---```
---@param options? neap.DeterministicOptions
---@return neap.Deterministic?
---@return neap.Error?
function History:deterministic(options)
  return reload.twice(self.native, self.path, options)
end

---Takes the changed file of the domain, or another one, folds the log with the old code and the new
---side by side, and tells what differs: states, documents and sagas, each from the first event on,
---and recorded decisions that would be others. Then the history goes on with the new code, unless
---`keep` is false; pasts that were made before keep the old one. A file that does not load changes
---nothing, and is the error.
---
---```lua
---local report = assert(shop:reload("fixed.lua", { keep = false }))
---assert(report.decisions.differing == 0, "history would have been another one")
---```
---@param path? string without it the same file, as it is now
---@param options? neap.ReloadOptions
---@return neap.Reload?
---@return neap.Error?
function History:reload(path, options)
  local other, err = self:again(path)
  if not other then return nil, err end
  local report
  report, err = self:compare(other, options)
  if not report or not report.kept then
    other:close()
    return report, err
  end
  native.close(self.native)
  self.native, self.path = other.native, other.path
  return report
end

---Closes the store, once its pasts are closed too. May be called again.
function History:close()
  native.close(self.native)
end

History.__close = History.close

---@class neap.HistoryModule
local history = {}

---Reads the domain, once, and opens the store for reading.
---@param path string the domain's file
---@param options? neap.HistoryOptions
---@return neap.History?
---@return neap.Error?
function history.open(path, options)
  local opened, err = native.open(path, options)
  if not opened then return nil, err end
  return setmetatable({ native = opened, path = path, options = options or {} }, History)
end

history.differences = past.differences

return check.closed(history, "neap.history", {})
