-- Domains as texts, for specs: written to a folder of their own, and opened.

local neap = require "neap"

local domains = {}

local function temporary_folder()
  local name = os.tmpname()
  os.remove(name)
  assert(os.execute("mkdir '" .. name .. "'"))
  return name
end

---Writes files and gives their folder.
---@param files table<string, string>
---@return string
function domains.write(files)
  local folder = temporary_folder()
  for name, text in pairs(files) do
    local parent = name:match "^(.*)/"
    if parent then
      assert(os.execute(("mkdir -p '%s/%s'"):format(folder, parent)))
    end
    local file <close> = assert(io.open(folder .. "/" .. name, "wb"))
    assert(file:write(text))
  end
  return folder
end

---@param folder string
function domains.remove(folder)
  assert(os.execute("rm -r '" .. folder .. "'"))
end

---Takes the folder's name out of an error.
---@param err? table
---@param folder string
---@return table?
local function without_folder(err, folder)
  local pattern = folder:gsub("%p", "%%%0") .. "/"
  for _, field in ipairs { "message", "traceback" } do
    if err and err[field] then
      err[field] = err[field]:gsub(pattern, "")
    end
  end
  return err
end

---Opens the domain that the text, or the files with "domain.lua" among them, define. Gives what
---neap.open gave, its error without the folder's name, and the folder's name.
---@param source string | table<string, string>
---@param options? table
function domains.open(source, options)
  local files = type(source) == "string" and { ["domain.lua"] = source } or source
  local folder = domains.write(files)
  local runtime, err = neap.open(folder .. "/domain.lua", options)
  domains.remove(folder)
  return runtime, without_folder(err, folder), folder
end

---What handling one plain command gives, whose handler's body is given: the runtime's events, or
---nil and the error.
---@param body string
---@param options? table
function domains.handle(body, options)
  local runtime <close>, err, folder = domains.open(([[
local neap = require "neap"
local spec = neap.domain "spec"
local Done = spec:event "Done" { value = "any?" }
local Do = spec:command "Do" { value = "any?" }
spec:handle(Do, function(command, context)
  %s
end)
return spec
]]):format(body), options)
  assert(runtime, tostring(err))
  local receipt, failure = runtime:dispatch("Do", {}, { meta = { user = "ada" } })
  if not receipt then
    return nil, without_folder(failure, folder)
  end
  local events = {}
  for event in runtime:events {} do
    events[#events + 1] = event
  end
  return events, receipt
end

---The answer of a query whose body is given.
---@param body string
---@param options? table
function domains.ask(body, options)
  local runtime <close>, err, folder = domains.open(([[
local neap = require "neap"
local spec = neap.domain "spec"
local Ask = spec:query "Ask" { value = "any?" }
spec:answer(Ask, function(query, context)
  %s
end)
return spec
]]):format(body), options)
  assert(runtime, tostring(err))
  local answer, failure = runtime:query "Ask"
  return answer, without_folder(failure, folder)
end

---What deciding one command of an aggregate gives, whose handler's body is given: the events' data
---or nil and the error.
---@param body string
---@param options? table
function domains.decide(body, options)
  local runtime <close>, err, folder = domains.open(([[
local neap = require "neap"
local spec = neap.domain "spec"
local Done = spec:event "Done" { id = "string", value = "any?" }
local Other = spec:event "Other" { id = "string" }
local Do = spec:command "Do" { id = "string", value = "any?" }
spec:aggregate "Thing" {
  key = "id",
  initial = { count = 0, nested = { list = { 1, 2 } } },
  commands = { Do = function(state, command, context)
    %s
  end },
  events = { Done = function(state, event) state.count = state.count + 1 end },
}
return spec
]]):format(body), options)
  assert(runtime, tostring(err))
  local receipt, failure = runtime:dispatch("Do", { id = "a" })
  if not receipt then
    return nil, without_folder(failure, folder)
  end
  local data = {}
  for event in runtime:events {} do
    data[#data + 1] = event.data
  end
  return data, receipt
end

return domains
