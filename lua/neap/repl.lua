-- The REPL: a session at one position of a history. What reads lines and prints is given by the
-- host; here is what a line means.

local internal = require "neap.internal"
local check = require "neap.check"
local complete = require "neap.repl_complete"
local dispatching = require "neap.repl_dispatch"
local history = require "neap.history"
local ink = require "neap.repl_ink"
local show = require "neap.repl_show"
local values = require "neap.repl_value"
local verbs = require "neap.repl_verbs"
local watching = require "neap.repl_watch"

local default_spacing = 50000

---@class neap.Repl
---@field history neap.History
---@field past neap.Past at the session's position
---@field log neap.Past at the last position; nothing is folded in it
---@field branches neap.Branch[] that the session is on: the last one is its past, too
---@field texts string[] what was entered, where there are functions in it
---@field package width integer? columns of the terminal; nil: nothing is cut
---@field package height integer? lines of a result that are shown; nil: all
---@field package colours boolean
---@field package out fun(text: string)
---@field package spacing integer
---@field package interrupted fun(): boolean
---@field package go_on fun(position: integer, target: integer): boolean
---@field package writer neap.Runtime? that writes to the store; nil: it is only read
local Repl = {}
Repl.__index = Repl

---@class neap.ReplOptions
---@field domain string path
---@field name? string of the domain, for the prompt
---@field store string URL
---@field print fun(text: string) gets whole lines
---@field colours? boolean in what is printed
---@field go_on fun(position: integer, target: integer): boolean
---@field interrupted? fun(): boolean whether Ctrl-C was pressed; who asks deals with it
---@field checkpoint_spacing? integer events between two positions at which what was folded is kept
---@field write? boolean dispatch() and its kin change the store, which is made if there is none
---@field reacts? boolean with `write`: what reacts runs here as well, and what is due in the queue
---@field config? string with `write`: JSON with what each of the domain's services is told

-- Lua's own functions. They are copies: what somebody does to them is not done to the session.
local function libraries()
  local copies = {}
  for name, value in pairs(_G) do
    copies[name] = value
    if type(value) == "table" then
      copies[name] = {}
      for key, each in pairs(value) do copies[name][key] = each end
    end
  end
  copies._G = copies
  return copies
end

---@param options neap.ReplOptions
---@param writer neap.Runtime?
---@return neap.Repl?
---@return neap.Error?
local function open_beside(options, writer)
  local spacing = options.checkpoint_spacing or default_spacing
  local opened, err = history.open(options.domain, {
    store = options.store, go_on = options.go_on, checkpoint_spacing = spacing,
  })
  if not opened then return nil, err end
  local log
  log, err = opened:log()
  if not log then return nil, err end
  local it = setmetatable({
    history = opened, log = log, out = options.print, spacing = spacing,
    interrupted = options.interrupted or function() return false end,
    go_on = options.go_on or function() return true end, writer = writer,
    colours = options.colours or false, pending = {}, watched = {}, line = 0, branches = {},
    texts = {},
    name = values.name_of(options.domain),
  }, Repl)
  it.print = function(text) it.out((string.gsub(text, "[^\n\t]+", ink.escape))) end
  -- Before everything, where nothing is to be folded: the session goes to the end when it begins.
  it.past, err = opened:at(0)
  if not it.past then return nil, err end
  it.env = setmetatable(verbs.of(it), { __index = libraries() })
  return it
end

---@param options neap.ReplOptions
---@return neap.Repl?
---@return neap.Error?
local function open(options)
  local writer, opened, err
  if options.write then
    writer, err = dispatching.open(options)
    if not writer then return nil, err end
  end
  opened, err = open_beside(options, writer)
  if not opened and writer then writer:close() end
  return opened, err
end

---@param width integer columns; 0: nothing is cut
---@param height integer lines of a result; 0: there may be any number
function Repl:set_size(width, height)
  self.width = width > 0 and width or nil
  self.height = height > 0 and math.max(height, 8) or nil
end

---Prints lines with marks, at once.
---@param lines string[]
function Repl:put(lines)
  local painted = {}
  for i, line in ipairs(lines) do painted[i] = ink.paint(line, self.colours) end
  if #painted > 0 then self.out(table.concat(painted, "\n") .. "\n") end
end

---@return string
function Repl:prompt()
  if #self.pending > 0 then
    return string.rep(" ", #self.name) .. " .. "
  end
  local where = #self.branches > 0 and " (branch)" or self.writer and " (write)" or ""
  return string.format("%s@%d%s> ", self.name, self.past:position(), where)
end

---Goes to another position. What is watched may change meanwhile.
---@param position integer
---@return string[] lines that tell what changed
function Repl:move(position)
  if #self.branches > 0 then
    check.misuse("the session is on a branch, where it cannot go anywhere: discard() goes back")
  end
  local before = watching.values(self)
  local ok, err
  local distance = position - self.past:position()
  -- Beyond that, what is kept is nearer than what is folded here.
  if distance >= 0 and distance <= self.spacing then
    ok, err = self.past:forward(position)
  else
    ok, err = self.history:at(position)
    if ok then
      -- In this order: it may be interrupted anywhere, and the session needs a past.
      local before_it = self.past
      self.past = ok
      before_it:close()
    end
  end
  if not ok then error(err, 0) end
  return watching.changes(self, before)
end

local function split(text)
  local lines = {}
  for line in string.gmatch(text, "[^\n]+") do lines[#lines + 1] = line end
  return lines
end

local function lines_of(value, width)
  local metatable = getmetatable(value)
  local own = type(metatable) == "table" and metatable.__lines
  if own then return own(value, width) end
  if type(value) == "table" and type(metatable) == "table" and metatable.__tostring then
    return split(tostring(value))
  end
  if type(value) == "string" and not width then return { show.line(value) } end
  return show.lines(value, width)
end

-- Adds what is to be seen of a value.
local function add_shown(self, value, whole, all)
  local width = not whole and self.width or nil
  local lines = lines_of(value, width)
  local most = not whole and self.height or #lines
  local shown = #lines > most and most - 4 or #lines
  local is_cut = false
  for i = 1, shown do
    local line = width and show.fitted(lines[i], width) or lines[i]
    is_cut = is_cut or ink.is_cut(line)
    all[#all + 1] = line
  end
  if shown < #lines then
    all[#all + 1] = ink.hint(string.format("… %d more lines: whole()", #lines - shown))
  elseif is_cut then
    all[#all + 1] = ink.hint "… cut: whole()"
  end
end

---@param value any
---@param whole? boolean nothing is left out
function Repl:show(value, whole)
  local lines = {}
  add_shown(self, value, whole, lines)
  self:put(lines)
end

local function traced(message)
  if type(message) == "string" then
    return (string.gsub(message, "^%[C%]: ", ""))
  end
  return message
end

local function wants_more(err)
  return type(err) == "string" and string.find(err, "near <eof>", 1, true) ~= nil
end

-- What was entered, an expression or statements, as a function; nil where it is wrong, or where
-- more is wanted.
local function compile(self, text)
  local name = "=input"
  local chunk, err = load("return " .. text, name, "t", self.env)
  if chunk or wants_more(err) then return chunk, err end
  return load(text, name, "t", self.env)
end

local function failure(err)
  local text = type(err) == "table" and getmetatable(err) and tostring(err) or show.plain(err)
  if type(err) == "string" then text = ink.plain(err) end
  return "error: " .. (string.gsub(text, "[^\n\t]+", ink.escape))
end

---Takes a line of input.
---@param line string without its end
---@return "done" | "more" | "failed" | "quit" outcome
---@return string? err of "failed"
function Repl:enter(line)
  self.pending[#self.pending + 1] = line
  local text = table.concat(self.pending, "\n")
  if string.find(text, "^%s*$") then
    self.pending = {}
    return "done"
  end
  local chunk, err = compile(self, text)
  if not chunk and wants_more(err) then return "more" end
  self.pending = {}
  if not chunk then return "failed", failure(err) end
  if string.find(text, "function", 1, true) then self.texts[#self.texts + 1] = text end
  local results = table.pack(xpcall(chunk, traced))
  if not results[1] then return "failed", failure(results[2]) end
  if self.quitting then return "quit" end
  local lines = {}
  for i = 2, results.n do
    if results[i] ~= nil or results.n > 2 then
      self.last = results[i]
      add_shown(self, results[i], false, lines)
    end
  end
  self:put(lines)
  return "done"
end

---Gives up what was entered of several lines.
function Repl:forget()
  self.pending = {}
end

---The end of the input.
---@return "done" | "failed"
---@return string? err
function Repl:finish()
  local text = table.concat(self.pending, "\n")
  self.pending = {}
  if string.find(text, "^%s*$") then return "done" end
  local _, err = compile(self, text)
  return "failed", failure(err)
end

---Goes to the last position, and says where the session is. Where somebody looks on, and stops
---that, it is before everything.
function Repl:begin()
  local there, at = pcall(self.env.at)
  if not there and not (self.width and type(at) == "table" and at.code == "unavailable") then
    error(at, 0)
  end
  if not there then
    self:put { ink.hint(tostring(at)) }
    at = self.env.at(0)
  end
  if self.width then
    self.print(string.format("%s: %d events. help() lists what can be asked.\n", self.name,
      self.history:last() or self.past:position()))
    self:show(at)
  end
end

---What the word at the end of a line can become.
---@param line string
---@return integer from where the word begins, a byte of the line
---@return string[] words
function Repl:complete(line)
  return complete.of(self, line)
end

function Repl:close()
  for i = #self.branches, 1, -1 do self.branches[i].left:close() end
  self.past:close()
  self.log:close()
  self.history:close()
  if self.writer then self.writer:close() end
end

return check.closed({ open = open, version = internal.version }, "neap.repl", {})
