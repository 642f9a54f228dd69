-- Compares what the history in the store says of each package with what dpkg says, and explains
-- every difference.
--
--   lua5.4 report.lua STORE DPKG LISTS COMMANDS RECEIPTS
--
-- DPKG is what `dpkg-query` printed: package, version, status. LISTS says when dpkg last wrote a
-- package's list of files: time, path. COMMANDS went into `neap run`, RECEIPTS came out.

local neap = require "neap"

local folder = arg[0]:match "^(.*)/[^/]*$" or "."
local store, dpkg_file, lists_file, commands_file, receipts_file = table.unpack(arg)

local function read_dpkg(path)
  local installed = {}
  for line in io.lines(path) do
    local package, version, status = line:match "^([^\t]+)\t([^\t]*)\t([^\t]+)$"
    if package then installed[package] = { version = version, status = status } end
  end
  return installed
end

-- The times at which packages' lists of files were written, as the log writes times. A list is
-- named after the package, and its architecture too where several can be installed side by side.
local function read_lists(path)
  local written = {}
  for line in io.lines(path) do
    local time, name = line:match "^(%S+ %d%d:%d%d:%d%d)%S*[^\t]*\t.*/([^/]+)%.list$"
    if time then written[name] = time end
  end
  return function(package)
    return written[package] or written[package:match "^[^:]+"]
  end
end

local function first_time(path)
  local file <close> = assert(io.open(path))
  return file:read("l"):match '"key":"(.-)%.%d+"'
end

local function read_receipts(path)
  local counts = { commands = 0, events = 0, repeated = 0, nothing = 0 }
  local refused = {}
  for line in io.lines(path) do
    counts.commands = counts.commands + 1
    local events = line:match '"events":%[(.-)%]'
    if not events then
      refused[#refused + 1] = line
    elseif line:find('"repeated":true', 1, true) then
      counts.repeated = counts.repeated + 1
    elseif events == "" then
      counts.nothing = counts.nothing + 1
    else
      counts.events = counts.events + select(2, events:gsub('"[^"]+"', ""))
    end
  end
  return counts, refused
end

local function read_history(runtime)
  local states, events = {}, 0
  for event in runtime:events { category = "Package" } do
    states[event.data.package] = true
    events = events + 1
  end
  for package in pairs(states) do
    states[package] = assert(runtime:query("GetPackage", { package = package }))
  end
  return states, events
end

-- What dpkg and the history say of one package: the heading it is reported under, and the line
-- that is printed there. Headings that begin with "same" need no line of their own.
local function compare(package, dpkg, known, written, log_begins)
  local function line(format, ...)
    return ("%s  " .. format):format(package, ...)
  end
  local function unpacked()
    return written and ("unpacked " .. written) or "no list of its files"
  end

  if not known then
    if dpkg.status ~= "installed" then return "left", line("%s %s", dpkg.version, dpkg.status) end
    if written and written >= log_begins then
      return "elsewhere", line("%s, %s", dpkg.version, unpacked())
    end
    return "before", line("%s, %s", dpkg.version, unpacked())
  end

  if not dpkg then
    if known.status == "not-installed" then return "same_purged" end
    if not package:find(":", 1, true) then
      return "bare", line("%s %s, last line %s", known.version, known.status, known.at)
    end
    return "vanished", line("%s %s, last line %s", known.version, known.status, known.at)
  end
  if known.status == "not-installed" then
    return "returned", line("%s, %s, removed %s", dpkg.version, unpacked(), known.at)
  end
  if known.version ~= dpkg.version then
    return "version",
      line("dpkg %s, %s; log %s at %s", dpkg.version, unpacked(), known.version, known.at)
  end
  if known.status ~= dpkg.status then
    return "status", line("%s: dpkg %s, log %s", known.version, dpkg.status, known.status)
  end
  if known.status == "config-files" then return "same_removed" end
  if known.status ~= "installed" then
    return "same_unfinished", line("%s %s since %s", known.version, known.status, known.at)
  end
  if known.before_log then return "same_found" end
  return "same_installed"
end

local agreements = {
  { "same_installed", "installed since the log began" },
  { "same_found", "installed before the log began, changed since" },
  { "same_removed", "removed, with their configuration left" },
  { "same_purged", "removed, and nothing left" },
  { "same_unfinished", "not finished: dpkg was interrupted, or is at work" },
}

local differences = {
  { "before", "installed before the log began, and not touched since" },
  { "elsewhere", "unpacked after the log began by a dpkg that wrote no line here, such as one that "
    .. "made an image or worked with another root or --log" },
  { "left", "not installed, but left in dpkg's records from before the log began" },
  { "version", "changed by a dpkg that wrote no line here" },
  { "returned", "installed again by a dpkg that wrote no line here" },
  { "bare", "named without an architecture while the system was set up, and with it since" },
  { "vanished", "removed by a dpkg that wrote no line here" },
  { "status", "between two stages: dpkg was interrupted, or is at work" },
}

local function sorted_union(a, b)
  local names, seen = {}, {}
  for _, set in ipairs { a, b } do
    for name in pairs(set) do
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
  end
  table.sort(names)
  return names
end

local function group(dpkg, history, written, log_begins)
  local groups = {}
  for _, package in ipairs(sorted_union(dpkg, history)) do
    local heading, line =
      compare(package, dpkg[package], history[package], written(package), log_begins)
    local lines = groups[heading] or { count = 0 }
    groups[heading] = lines
    lines.count = lines.count + 1
    if line then lines[#lines + 1] = line end
  end
  return groups
end

local function print_lines(headings, groups)
  for _, heading in ipairs(headings) do
    local lines = groups[heading[1]] or {}
    if #lines > 0 then
      print(("\n%s:"):format(heading[2]))
      for _, line in ipairs(lines) do print("  " .. line) end
    end
  end
end

local function print_counts(title, headings, groups)
  local total = 0
  for _, heading in ipairs(headings) do
    total = total + (groups[heading[1]] or { count = 0 }).count
  end
  print(("\n%s: %d"):format(title, total))
  for _, heading in ipairs(headings) do
    local lines = groups[heading[1]]
    if lines then print(("%7d  %s"):format(lines.count, heading[2])) end
  end
end

local function print_run(counts, refused)
  print(("%d commands: %d events recorded, %d commands had nothing new to say, "
    .. "%d known by their keys, %d refused"):format(
    counts.commands, counts.events, counts.nothing, counts.repeated, #refused))
  for _, line in ipairs(refused) do print("  refused  " .. line) end
end

local function main()
  local runtime <close> =
    assert(neap.open(folder .. "/packages.lua", { store = store, read_only = true }))
  local history, events = read_history(runtime)
  local counts, refused = read_receipts(receipts_file)
  local log_begins = first_time(commands_file)
  local dpkg = read_dpkg(dpkg_file)

  local groups = group(dpkg, history, read_lists(lists_file), log_begins)
  print_lines(differences, groups)
  print_lines(agreements, groups)
  print ""
  print_run(counts, refused)
  print(("%d events in the store; the log begins at %s"):format(events, log_begins))
  print_counts("packages of which the history and dpkg say the same", agreements, groups)
  print_counts("packages of which they differ, as listed above", differences, groups)
end

main()
