-- Runs the command as a person or a script does: through the shell, with files for what it prints.
local neap_command = {}

local binary = assert(os.getenv("NEAP_COMMAND"), "NEAP_COMMAND must be the path of the command")
local DEADLINE_S = 60

function neap_command.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end
local quote = neap_command.quote

function neap_command.read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read("a")
end

function neap_command.write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  file:write(text)
end

function neap_command.folder()
  local pipe <close> = assert(io.popen("mktemp -d"))
  return pipe:read("l")
end

-- The folder that the specs run in; ctest leaves $PWD as it found it.
function neap_command.here()
  local pipe <close> = assert(io.popen("pwd"))
  return pipe:read("l")
end

function neap_command.remove(folder)
  os.execute("rm -rf " .. quote(folder))
end

-- Runs a line of shell; gives its exit status, 128 + n for signal n.
function neap_command.shell(line)
  local _, how, code = os.execute(line)
  return how == "signal" and 128 + code or code
end

-- The command and its arguments as shell text.
function neap_command.line(arguments)
  local words = { quote(binary) }
  for _, argument in ipairs(arguments) do
    words[#words + 1] = quote(argument)
  end
  return table.concat(words, " ")
end

-- Runs the command to its end. options: stdin (text), environment (as "NAME=value"), folder (to run
-- in), out (a redirection instead of the file, as ">/dev/full").
-- Gives its exit status, what it printed, and its words.
function neap_command.run(arguments, options)
  options = options or {}
  local scratch = neap_command.folder()
  neap_command.write(scratch .. "/in", options.stdin or "")
  local line = ("%s env -u NEAP_STORE %s %s <%s %s 2>%s"):format(
    options.folder and "cd " .. quote(options.folder) .. " &&" or "",
    options.environment or "",
    neap_command.line(arguments),
    scratch .. "/in",
    options.out or (">" .. scratch .. "/out"),
    scratch .. "/err"
  )
  local status = neap_command.shell(line)
  local out = options.out and "" or neap_command.read(scratch .. "/out")
  local err = neap_command.read(scratch .. "/err")
  neap_command.remove(scratch)
  return status, out, err
end

-- Runs SQL on a store's file, as somebody does who should not.
function neap_command.change(path, sql)
  local changer = assert(os.getenv "NEAP_CHANGE_STORE", "NEAP_CHANGE_STORE: where is change_store?")
  local line = quote(changer) .. " " .. quote(path) .. " " .. quote(sql)
  assert(neap_command.shell(line) == 0, line)
end

-- Waits until `holds` gives a true value, and gives it.
function neap_command.wait(what, holds)
  local ends = os.time() + DEADLINE_S
  repeat
    local value = holds()
    if value then
      return value
    end
    os.execute("sleep 0.02")
  until os.time() > ends
  error("waited in vain for " .. what, 2)
end

-- A command that runs beside the spec.
local process = {}
process.__index = process

-- Starts the command; it reads what process:send() gives it.
function neap_command.start(arguments)
  local self = setmetatable({ folder = neap_command.folder() }, process)
  local at = self.folder
  os.execute(("mkfifo %s/in"):format(at))
  os.execute(([[(
    COMMAND <FOLDER/in >FOLDER/out 2>FOLDER/err &
    echo $! >FOLDER/pid
    wait $!
    echo $? >FOLDER/ended
    mv FOLDER/ended FOLDER/status
  ) 2>/dev/null &]]):gsub("%u%u+", { FOLDER = at, COMMAND = neap_command.line(arguments) }))
  self.input = assert(io.open(at .. "/in", "wb"))
  self.input:setvbuf("no")
  return self
end

function process:send(text)
  self.input:write(text)
end

function process:out()
  local file <close> = io.open(self.folder .. "/out", "rb")
  return file and file:read("a") or ""
end

function process:err()
  return neap_command.read(self.folder .. "/err")
end

-- Waits until it has printed that many lines, and gives them.
function process:lines(count)
  return neap_command.wait(count .. " lines", function()
    local lines = {}
    for line in self:out():gmatch("([^\n]*)\n") do
      lines[#lines + 1] = line
    end
    return #lines >= count and lines
  end)
end

function process:pid()
  return neap_command.wait("the process", function()
    local file <close> = io.open(self.folder .. "/pid", "rb")
    return file and tonumber(file:read("a"))
  end)
end

function process:signal(name)
  os.execute(("kill -%s %d"):format(name, self:pid()))
end

-- Waits for its end, and gives its exit status.
function process:ended()
  local status = neap_command.wait("the end of the process", function()
    local file <close> = io.open(self.folder .. "/status", "rb")
    return file and tonumber(file:read("a"))
  end)
  return status
end

-- Ends its input, and gives its exit status.
function process:close()
  self.input:close()
  return self:ended()
end

function process:cleanup()
  if io.type(self.input) == "file" then
    self.input:close()
  end
  os.execute(("kill -9 $(cat %s/pid) 2>/dev/null"):format(self.folder))
  neap_command.remove(self.folder)
end

return neap_command
