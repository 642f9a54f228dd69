-- Sessions at a terminal as a person sees them. Each file of transcripts/ is one, of 100 columns:
-- what stands behind a prompt is typed, and all must come as it is there. NEAP_TRANSCRIPTS=write
-- writes down what comes instead: look at the difference before it is committed.
local neap = require "neap_command"
local terminal = require "terminal_play"

local names = { "looking", "moving", "trying", "understanding", "writing" }
local arguments = { writing = { "--write" } }

local function path_of(name)
  return "transcripts/" .. name .. ".txt"
end

-- What somebody typed in a session.
local function typed_in(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    lines[#lines + 1] = line:match "^%w+@%d+[^>]*> (.*)" or line:match "^ +%.%. (.*)"
  end
  return lines
end

describe("a session at a terminal", function()
  local folder, store

  before_each(function()
    folder = neap.folder()
    store = terminal.store(folder)
  end)

  after_each(function()
    neap.remove(folder)
  end)

  for _, name in ipairs(names) do
    it("is one of " .. name, function()
      local expected = neap.read(path_of(name))
      local scenario = { "wait delivered@5" }
      for _, line in ipairs(typed_in(expected)) do
        local ends = line == "quit()"
        scenario[#scenario + 1] = ends and "type quit()\\r\nend" or "enter " .. line
      end
      local shown = terminal.play(folder, store, table.concat(scenario, "\n") .. "\n",
        { environment = "PAGER=", domain = "fixtures/delivered.lua", arguments = arguments[name] })
      shown = terminal.without_times(shown)
      if os.getenv "NEAP_TRANSCRIPTS" == "write" then neap.write(path_of(name), shown) end
      assert.equal(expected, shown)
    end)
  end

  it("has been had about each verb", function()
    local typed = {}
    for _, name in ipairs(names) do
      table.move(typed_in(neap.read(path_of(name))), 1, 1000, #typed + 1, typed)
    end
    local text = table.concat(typed, "\n")
    local _, help = neap.run({ "repl", terminal.past, "--store", store }, { stdin = "help()" })
    for verb in ("\n" .. help):gmatch "\n([%a_]+)%(" do
      assert.truthy(text:find("%f[%w_]" .. verb .. "%f[^%w_]"), verb .. " is in no transcript")
    end
  end)
end)
