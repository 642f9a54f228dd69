-- Reads dpkg's log on standard input, oldest line first, and writes a command for `neap run` for
-- each line that is about a package.
--
-- The log's times are to the second. The line's number within its second goes behind it and makes
-- it the line's name: the same in every run, and greater for later lines even where the clock was
-- set back.

local actions = {
  install = "Install",
  upgrade = "Upgrade",
  remove = "Remove",
  disappear = "Remove",
  purge = "Purge",
  configure = "Configure",
  trigproc = "ProcessTriggers",
}
local about_no_package = { startup = true, conffile = true }

local function quoted(text)
  return '"' .. text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"'
end

local function object(pairs_in_order)
  local members = {}
  for _, pair in ipairs(pairs_in_order) do
    local name, value = pair[1], pair[2]
    if value and value ~= "<none>" then
      members[#members + 1] = quoted(name) .. ":" .. quoted(value)
    end
  end
  return "{" .. table.concat(members, ",") .. "}"
end

-- The command's name and its fields, or nothing if the line is not one of dpkg's that we know.
local function command_of(words)
  local what = words[3]
  if what == "status" and #words == 6 then
    return "ReportStatus",
      { { "package", words[5] }, { "status", words[4] }, { "version", words[6] } }
  elseif actions[what] and (what == "install" or what == "upgrade") and #words == 6 then
    local from = what == "upgrade" and words[5] or nil
    return actions[what], { { "package", words[4] }, { "from", from }, { "version", words[6] } }
  elseif actions[what] and #words >= 5 then
    return actions[what], { { "package", words[4] }, { "version", words[5] } }
  end
end

local counts = { lines = 0, commands = 0, skipped = 0, unreadable = 0 }
local first, latest, number

for line in io.lines() do
  counts.lines = counts.lines + 1
  local time = line:match "^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d "
  if time then
    time = time:sub(1, -2)
    first = first or time
    if not latest or time > latest then latest, number = time, 0 end
    number = number + 1
  end

  local words = {}
  for word in line:gmatch "%S+" do words[#words + 1] = word end
  local name, fields = command_of(words)
  if time and name then
    local at = ("%s.%06d"):format(latest, number)
    fields[#fields + 1] = { "at", at }
    print(('{"command":%s,"data":%s,"key":%s}'):format(quoted(name), object(fields), quoted(at)))
    counts.commands = counts.commands + 1
  elseif time and about_no_package[words[3]] then
    counts.skipped = counts.skipped + 1
  else
    counts.unreadable = counts.unreadable + 1
    io.stderr:write("not a line of dpkg's log: ", line, "\n")
  end
end

io.stderr:write(("%d lines, %s to %s: %d commands, %d about no package, %d unreadable\n"):format(
  counts.lines, first or "never", latest or "never", counts.commands, counts.skipped,
  counts.unreadable))
