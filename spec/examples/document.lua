-- Runs what a document prints. Its fenced blocks say what they are:
--
--   ```lua NAME      a file: it must be (part of) that file of the tree, or (below build/, or where
--                    there is none) is written where the document's commands run
--   ```c NAME        the same
--   ```console       commands behind "$ " (and "> ", where a line goes on) and what they print
--   ```sh            commands that print what they like and must succeed
--   ```sh entry      commands for a whole machine: each must be an executable file of the tree
--   ```sh if NAME     the same, and console: only where that program is installed
--   ```text          words: each path at the beginning of a line must exist in the tree
--
-- All commands of a document run in one shell, in a folder of their own that looks like the tree.

local document = {}

local mark = "\30"

local function shell_quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

--- The fenced blocks of a Markdown text.
---@param markdown string
---@return table[] blocks with kind, name, text, line
function document.blocks(markdown)
  local blocks, block = {}, nil
  local number = 0
  for line in (markdown .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local info = line:match "^```(.*)$"
    if info and block then
      block.text = table.concat(block, "\n") .. "\n"
      blocks[#blocks + 1], block = block, nil
    elseif info then
      local kind, name = info:match "^(%S*)%s*(.-)%s*$"
      block = { kind = kind, name = name ~= "" and name or nil, line = number }
    elseif block then
      block[#block + 1] = line
    end
  end
  if block then error(("line %d: the block has no end"):format(block.line)) end
  return blocks
end

--- The commands of a console block, each with what it is expected to print.
function document.commands(text)
  local commands = {}
  for line in text:gmatch "(.-)\n" do
    local command = commands[#commands]
    if line:sub(1, 2) == "$ " then
      commands[#commands + 1] = { text = line:sub(3), expected = "" }
    elseif line:sub(1, 2) == "> " and command and command.expected == "" then
      command.text = command.text .. "\n" .. line:sub(3)
    elseif command then
      command.expected = command.expected .. line .. "\n"
    else
      error("a console block begins with a command, behind '$ '")
    end
  end
  return commands
end

local function uuid_pattern()
  local groups = {}
  for i, digits in ipairs { 8, 4, 4, 4, 12 } do groups[i] = ("%x"):rep(digits) end
  return table.concat(groups, "%-")
end

local uuid = uuid_pattern()

--- Ids and times, which differ from run to run, are made equal.
function document.normalised(text)
  return (text:gsub(uuid, "ID"):gsub('("recorded_at":)%d+', "%1TIME")
    :gsub("%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.%d%d%d", "TIME")
    :gsub('("recorded_at":)"[^"]*"', "%1TIME"))
end

local function check_file(block, place, findings)
  local existing = read(place.root .. "/" .. block.name)
  if not existing or block.name:match "^build/" then
    write(place.folder .. "/" .. block.name, block.text)
  elseif not existing:find(block.text, 1, true) then
    findings[#findings + 1] = ("line %d: %s does not say this"):format(block.line, block.name)
  end
end

local function check_entries(block, place, findings)
  for entry in block.text:gmatch "([^\n]+)\n" do
    local path = place.root .. "/" .. entry
    if not os.execute("test -f " .. shell_quoted(path) .. " -a -x " .. shell_quoted(path)) then
      findings[#findings + 1] = ("line %d: %s cannot be executed"):format(block.line, entry)
    end
  end
end

local function check_paths(block, place, findings)
  for path in block.text:gmatch "([^%s]+)[^\n]*\n" do
    if not os.execute("test -e " .. shell_quoted(place.root .. "/" .. path)) then
      findings[#findings + 1] = ("line %d: there is no %s"):format(block.line, path)
    end
  end
end

-- Whether a block is for machines with a program that this one does not have.
local function is_passed_over(block)
  local program = (block.name or ""):match "^if (%S+)$"
  return program and not os.execute(('PATH="$PATH:/usr/sbin" && command -v %s >/dev/null'):format(
    shell_quoted(program)))
end

local function collect(blocks, place, findings)
  local commands = {}
  for _, block in ipairs(blocks) do
    if is_passed_over(block) then
      goto continue
    elseif block.kind == "console" then
      for _, command in ipairs(document.commands(block.text)) do
        command.line = block.line
        commands[#commands + 1] = command
      end
    elseif block.kind == "sh" and block.name == "entry" then
      check_entries(block, place, findings)
    elseif block.kind == "sh" then
      commands[#commands + 1] = { text = block.text, line = block.line }
    elseif block.kind == "text" then
      check_paths(block, place, findings)
    elseif block.name then
      check_file(block, place, findings)
    else
      findings[#findings + 1] = ("line %d: nobody knows how to test this block"):format(block.line)
    end
    ::continue::
  end
  return commands
end

-- Behind each command the shell prints a mark and the exit status, and keeps the status.
local function script_of(commands)
  local script = {}
  for _, command in ipairs(commands) do
    script[#script + 1] = command.text
    script[#script + 1] = ([[s=$?; printf '\036%%d\036' "$s"; (exit "$s")]]):format()
  end
  return table.concat(script, "\n") .. "\n"
end

local function run(commands, place)
  write(place.folder .. "/.script", script_of(commands))
  local pipe = assert(io.popen(("cd %s && sh .script 2>&1 </dev/null"):format(
    shell_quoted(place.folder))))
  local output = pipe:read "a"
  pipe:close()
  local at = 1
  for _, command in ipairs(commands) do
    local from, to, status = output:find(mark .. "(%d+)" .. mark, at)
    if not from then
      command.printed, command.status = output:sub(at), nil
      break
    end
    command.printed, command.status = output:sub(at, from - 1), tonumber(status)
    at = to + 1
  end
end

local function judge(commands, findings)
  for _, command in ipairs(commands) do
    local where = ("line %d: $ %s"):format(command.line, command.text)
    if not command.status then
      findings[#findings + 1] = where .. "\ndid not come to its end:\n" .. (command.printed or "")
    elseif not command.expected and command.status ~= 0 then
      findings[#findings + 1] = ("%s\nended with %d:\n%s"):format(
        where, command.status, command.printed)
    elseif command.expected
      and document.normalised(command.expected) ~= document.normalised(command.printed) then
      findings[#findings + 1] = ("%s\nprinted\n%sinstead of\n%s"):format(
        where, command.printed, command.expected)
    end
  end
end

--- Runs a document. `place.root` is the tree, `place.build` where it was built.
---@return string[] findings
---@return integer count of commands that ran
function document.check(markdown, place)
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute(("mkdir -p %s/build && cd %s && ln -s %s build/release && " ..
    "for f in lua examples core; do ln -s %s/$f $f; done"):format(folder, folder,
    shell_quoted(place.build), shell_quoted(place.root))))
  place = { root = place.root, build = place.build, folder = folder }
  local findings = {}
  local commands = collect(document.blocks(markdown), place, findings)
  run(commands, place)
  judge(commands, findings)
  os.execute("rm -rf " .. shell_quoted(folder))
  return findings, #commands
end

return document
