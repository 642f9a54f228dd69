-- A branch: a past that goes on on its own, in memory, to see what would happen.

local internal = require "neap.internal"
local branch_diff = require "neap.branch_diff"
local check = require "neap.check"
local function_text = require "neap.function_text"
local json = require "neap.json"
local new_file = require "neap.new_file"
local past = require "neap.past"
local time = require "neap.time"

local native = internal.history

---What would have happened. It begins with a past, and takes commands and events; nothing of the
---store changes, and neither the past nor another branch notices. Projections and sagas follow,
---and what sagas send is done. Services only note what they are asked to do; subscribers and
---outboxes do not run. Its clock stands where the past ends.
---@class neap.Branch : neap.Past
---@field package runtime userdata
---@field package began integer the position at which it began
---@field package replaced table[] what `replace` was given
---@field package edited table<integer, "skipped" | "edited"> by position
---@field package other boolean its domain is another version
local Branch = {}

---@class neap.BranchOptions
---@field domain? string the path of another version of the domain
---@field now? string | number what its clock says: a time of UTC, or seconds since 1970; else when
--- the past's last event was recorded
---@field services? table<string, table<string, any>> what services' functions give, by their names

-- How long what follows from one call may go on, in seconds.
local patience = 60

local known_options = { domain = "?string", now = "?string number", services = "?table" }

local function moment_of(now)
  if now == nil then return nil end
  local us = type(now) == "string" and time.parse(now)
  if type(now) == "number" then us = math.floor(now * 1e6) end
  if math.type(us) ~= "integer" or us <= 0 then
    check.misuse("branch: option now must be a time, as in 2026-11-27T14:10:29Z, or seconds since "
      .. "1970, but is %s", tostring(now))
  end
  return us
end

local function copy(map)
  local made = {}
  for key, value in pairs(map or {}) do made[key] = value end
  return made
end

local function text_of(value, what)
  if value == nil then return nil end
  local text, err = json.encode(value)
  if not text then check.misuse("branch: %s: %s", what, err.message) end
  return text
end

---Makes a branch of a past, or of another branch.
---@param of neap.Past
---@param options? neap.BranchOptions
---@return neap.Branch?
---@return neap.Error?
function Branch.new(of, options)
  options = options or {}
  check.keys(options, known_options, "branch")
  local before = rawget(of, "began") and of or nil
  local given = {
    path = options.domain,
    now = moment_of(options.now),
    answers = text_of(options.services, "option services") or before and rawget(before, "answers"),
  }
  local runtime, err = native.branch(of.runtime, given)
  if not runtime then return nil, err end
  return setmetatable({
    runtime = runtime,
    began = before and before.began or of:position(),
    replaced = options.domain == nil and copy(before and before.replaced) or {},
    edited = copy(before and before.edited),
    other = options.domain ~= nil or before ~= nil and before.other,
    answers = given.answers,
  }, Branch)
end

-- Goes on as another branch, of this one.
local function become(self, given)
  given.answers = rawget(self, "answers")
  local runtime, err = native.branch(self.runtime, given)
  if not runtime then return nil, err end
  self.runtime:close()
  self.runtime = runtime
  return true
end

-- What follows from what was just done.
local function settle(self, result, err)
  if result == nil then return nil, err end
  local ok, why = native.advance(self.runtime, 0, patience)
  if not ok then return nil, why end
  return result
end

---Decides a command there, and does what follows from it.
---
---```lua
---local branch <close> = assert(past:branch())
---print(branch:dispatch("ShipOrder", { order = "o-2" }))
---```
---@param name string
---@param data? table
---@param options? neap.DispatchOptions
---@return neap.Receipt?
---@return neap.Error? err what the command was rejected for, too
function Branch:dispatch(name, data, options)
  return settle(self, self.runtime:dispatch(name, data, options))
end

---Adds an event that no command decides, and does what follows from it.
---@param type string
---@param data? table
---@param options? table as neap.Runtime:publish()
---@return neap.Receipt?
---@return neap.Error?
function Branch:publish(type, data, options)
  return settle(self, self.runtime:publish(type, data, options))
end

---Puts a command into the branch's queue, to be done when it is due there: see `advance`.
---@param name string
---@param data? table
---@param options? neap.SendOptions after, at, name
---@return neap.Receipt?
---@return neap.Error?
function Branch:send(name, data, options)
  local wanted = copy(options)
  if wanted.after == nil and wanted.at == nil then wanted.after = 0 end
  local pending, err = self.runtime:send(name, data, wanted)
  if not pending then return nil, err end
  return settle(self, pending:wait())
end

---Lets time pass: timeouts, and commands for later, that become due are done.
---@param seconds number
---@return true?
---@return neap.Error?
function Branch:advance(seconds)
  if type(seconds) ~= "number" or not (seconds >= 0 and seconds <= 1e11) then
    check.misuse("branch:advance needs a number of seconds from 0, but got %s", tostring(seconds))
  end
  return native.advance(self.runtime, math.floor(seconds * 1e6), patience)
end

local function check_position(self, position, method)
  if math.type(position) ~= "integer" or position < 1 or position > self.began then
    check.misuse("branch:%s needs the position of an event that the branch began with, from 1 to "
      .. "%d, but got %s", method, self.began, tostring(position))
  end
end

---Leaves out an event of the log, as if it had not happened: what is behind it is folded again.
---@param position integer
---@return true?
---@return neap.Error?
function Branch:skip(position)
  check_position(self, position, "skip")
  local ok, err = become(self, { edits = { { position, false } } })
  if ok then self.edited[position] = "skipped" end
  return ok, err
end

---Gives an event of the log other data: what is behind it is folded again.
---
---```lua
---branch:edit(3, { total = 10 })
---branch:edit(3, function(data) data.total = 2 * data.total end)
---```
---@param position integer
---@param change table | fun(data: table): table? fields that are other ones; or what changes the
--- data, or gives other data
---@return true?
---@return neap.Error?
function Branch:edit(position, change)
  check_position(self, position, "edit")
  local event = self:event(position)
  local data = event.data
  if type(change) == "function" then
    data = change(data) or data
  elseif type(change) == "table" then
    for key, value in pairs(change) do data[key] = value end
  else
    check.misuse("branch:edit needs the fields that are other ones, or a function of the data, but "
      .. "got %s", tostring(change))
  end
  local ok, err = become(self, { edits = { { position, text_of(data, "edit") } } })
  if ok then self.edited[position] = "edited" end
  return ok, err
end

local function code_of(self, value, label)
  if type(value) == "string" then return value end
  if type(value) ~= "function" then
    check.misuse("branch:replace: %s must be a function, or its text, but is %s", label,
      value == nil and "nothing" or "a " .. type(value))
  end
  local texts = function_text.sources(value)
  for _, text in ipairs(rawget(self, "texts") or {}) do texts[#texts + 1] = text end
  local code = function_text.of(value, texts)
  if not code then
    check.misuse("branch:replace: the function for %s runs in another Lua state, and so cannot use "
      .. "local variables around it; messages are globals there. Give its text otherwise", label)
  end
  return code
end

---Puts another function in the place of one of the domain's. Behind it what was folded is folded
---again, by the whole domain as it is then. Messages are globals in it.
---
---```lua
---branch:replace("Order", "ShipOrder", function(order, command)
---  if not order.paid then return neap.reject("unpaid", "it is not paid") end
---  return OrderShipped(command)
---end)
---```
---@param of string an aggregate, projection or saga; or a command or query with its own handler
---@param name? string of the command, event or timeout; nil: `of` is it
---@param with function | string the function, which is run in another Lua state; or its text
---@return true?
---@return neap.Error?
function Branch:replace(of, name, with)
  if with == nil then name, with = nil, name end
  local label = name and string.format("%s.%s", of, name) or tostring(of)
  local list = copy(self.replaced)
  list[#list + 1] = { of = of, name = name, code = code_of(self, with, label) }
  local ok, err = become(self, { replace = text_of(list, "replace") })
  if ok then self.replaced = list end
  return ok, err
end

---Goes on with another version of the domain, by which everything is folded again.
---@param path string
---@return true?
---@return neap.Error?
function Branch:load(path)
  local ok, err = become(self, { path = path })
  if ok then self.other, self.replaced = true, {} end
  return ok, err
end

---What services were asked to do, since the branch began or was changed last.
---@return { service: string, name: string, arguments: any[] }[]?
---@return neap.Error?
function Branch:calls()
  return native.calls(self.runtime)
end

---Where it differs from what was where it began.
---@param options? neap.BranchDiffOptions
---@return neap.BranchDiff?
---@return neap.Error?
function Branch:diff(options)
  return branch_diff.of(self, options)
end

---Writes all of it as JSON lines, the log it began with too: `neap import` makes a store of them.
---@param file string there must be no such file yet
---@return integer? events
---@return neap.Error?
function Branch:save(file)
  local next_line = self.runtime:export()
  new_file.write(file, "branch:save", function()
    local line = next_line()
    return line and line .. "\n"
  end)
  return self:position()
end

---Ends it; nothing of it stays. May be called again.
function Branch:discard()
  self.runtime:close()
end

Branch.close = Branch.discard
Branch.__name = "neap.Branch"
Branch.__close = Branch.discard

Branch.__index = function(_, key)
  local method = rawget(Branch, key)
  if method == nil then method = rawget(past.methods, key) end
  if method == nil then
    local names = copy(past.methods)
    for name in pairs(Branch) do names[name] = true end
    check.misuse("a branch has no '%s'%s", tostring(key),
      check.did_you_mean(tostring(key), check.sorted_keys(names)))
  end
  return method
end

return Branch
