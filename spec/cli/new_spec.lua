local json = require "dkjson"
local neap = require "neap_command"

-- How the project's spec is run: with Neap from the build, where stock Lua can load it.
local run_spec = os.getenv "NEAP_RUN_SPEC"

describe("neap new", function()
  local folder

  before_each(function()
    folder = neap.folder()
  end)

  after_each(function()
    neap.remove(folder)
  end)

  local function make(name)
    return neap.run({ "new", name }, { folder = folder })
  end

  local function names()
    local pipe <close> = assert(io.popen("ls -A " .. neap.quote(folder)))
    return pipe:read "a"
  end

  it("makes a project, and says what to do next", function()
    local status, out, err = make "my-library"
    assert.same({ 0, "" }, { status, out })
    assert.truthy(err:find("neap run my-library.lua <commands.jsonl", 1, true), err)
    assert.equal("my-library\n", names())
    local pipe <close> = assert(io.popen("cd " .. folder .. "/my-library && find . -type f | sort"))
    assert.equal("./.gitignore\n./.luacheckrc\n./.luarc.json\n./README.md\n./commands.jsonl\n" ..
      "./my-library.lua\n./spec/my-library_spec.lua\n", pipe:read "a")
  end)

  it("leaves no place for a name open", function()
    make "my-library"
    assert.not_equal(0, neap.shell("grep -rE 'PROJECT_NAME|DOMAIN_NAME|LUA_LIBRARY' " .. folder))
    local settings = json.decode(neap.read(folder .. "/my-library/.luarc.json"))
    for _, library in ipairs(settings["workspace.library"]) do
      assert.equal(0, neap.shell("test -r '" .. library .. "/neap/init.lua'"))
    end
  end)

  it("makes a project that runs", function()
    make "my-library"
    local place = { folder = folder .. "/my-library" }
    assert.equal(0, (neap.run({ "check", "my-library.lua" }, place)))
    place.stdin = neap.read(folder .. "/my-library/commands.jsonl")
    local status, out = neap.run({ "run", "my-library.lua" }, place)
    assert.equal(1, status) -- one is refused, as its README says
    local codes = {}
    for line in out:gmatch "[^\n]+" do
      local answer = json.decode(line)
      codes[#codes + 1] = answer.ok and answer.events[1] or answer.error.code
    end
    assert.same({ "BookAdded", "BookLent", "lent", "BookReturned", "BookLent" }, codes)
    status, out = neap.run({ "query", "my-library.lua", "FindBook", '{"book":"emma"}' }, place)
    assert.same({ 0, '{"reader":"bob","title":"Emma"}\n' }, { status, out })
    status, out = neap.run({ "state", "my-library.lua", "Book", "emma", "--at", "2" }, place)
    assert.same({ 0, '{"known":true,"reader":"ada","title":"Emma"}\n' }, { status, out })
  end)

  it("makes a spec that passes", function()
    make "my-library"
    local status, out, err = neap.run({ "spec" }, { folder = folder .. "/my-library" })
    assert.equal(0, status, out .. err)
    assert.truthy(out:find("3 successes", 1, true), out)
  end)

  it("makes a spec that passes in stock Lua", function()
    if not run_spec then return pending "stock Lua cannot load this build" end
    make "my-library"
    local line = ("cd %s/my-library && %s spec >%s/words 2>&1"):format(folder, run_spec, folder)
    local status = neap.shell(line)
    local words = neap.read(folder .. "/words")
    assert.equal(0, status, words)
    assert.truthy(words:find "[1-9]%d* success", words)
  end)

  it("makes Lua that luacheck has nothing to say about", function()
    if neap.shell "command -v luacheck >/dev/null" ~= 0 then
      return pending "luacheck is not installed"
    end
    make "my-library"
    local line = ("cd %s/my-library && luacheck -q --no-color . >%s/words"):format(folder, folder)
    assert.equal(0, neap.shell(line))
  end)

  it("leaves alone what is there already", function()
    make "library"
    neap.write(folder .. "/library/library.lua", "mine")
    local status, out, err = make "library"
    assert.same({ 1, "", "neap: library is there already; nothing was made\n" },
      { status, out, err })
    assert.equal("mine", neap.read(folder .. "/library/library.lua"))
    neap.shell("ln -s nowhere " .. folder .. "/link; mkdir " .. folder .. "/empty")
    assert.equal(1, (make "link"))
    assert.equal(1, (make "empty"))
    assert.equal("empty\nlibrary\nlink\n", names())
  end)

  it("refuses a name that is none", function()
    for _, name in ipairs { "", "a/b", "..", ".hidden", "_x", "a b", "a.b", "é", ("x"):rep(65) } do
      local status, out, err = neap.run({ "new", "--", name }, { folder = folder })
      assert.same({ 2, "" }, { status, out })
      assert.truthy(err:find "project", err)
    end
    assert.equal("", names())
    assert.equal(0, (make(("x"):rep(64))))
    assert.equal(0, (make "2a-b_C"))
  end)

  it("leaves nothing half made when it fails", function()
    -- Files that cannot grow, once the folder is there.
    local line = ("(trap '' XFSZ; ulimit -f 0; cd %s && exec %s 2>&1) | cat >%s.words"):format(
      folder, neap.line { "new", "library" }, folder)
    neap.shell(line)
    local words = neap.read(folder .. ".words")
    os.remove(folder .. ".words")
    assert.equal("neap: library could not be made: File too large; nothing is left of it\n", words)
    assert.equal("", names())
  end)

  it("says why it cannot make a folder", function()
    local status, out, err = neap.run({ "new", "library" }, { folder = "/proc" })
    assert.same({ 1, "" }, { status, out })
    assert.truthy(err:find("library could not be made: ", 1, true), err)
  end)
end)
