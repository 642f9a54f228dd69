local root = assert(os.getenv "NEAP_SOURCE", "NEAP_SOURCE says where the tree is")
local build = assert(os.getenv "NEAP_BUILD", "NEAP_BUILD says where it was built")
local neap = require "neap"

local domain = root .. "/examples/packages/packages.lua"

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read "a"
  local _, _, status = pipe:close()
  return text, status
end

describe("the packages domain", function()
  local runtime, second

  before_each(function()
    runtime = assert(neap.open(domain, { store = "memory:" }))
    second = 0
  end)
  after_each(function() runtime:close() end)

  -- What a line decides: the types of its events, or the code of its rejection.
  local function line(command, data)
    second = second + 1
    data.package = "ed:amd64"
    data.at = data.at or ("2025-01-01 00:00:%02d.000001"):format(second)
    local receipt, err = runtime:dispatch(command, data)
    if not receipt then return err.code end
    return table.concat(receipt.events, " ")
  end
  local function status(name, version)
    return line("ReportStatus", { status = name, version = version })
  end
  local function known()
    return assert(runtime:query("GetPackage", { package = "ed:amd64" }))
  end
  local function install(version)
    line("Install", { version = version })
    status("half-installed", version)
    status("unpacked", version)
    line("Configure", { version = version })
    status("half-configured", version)
    return status("installed", version)
  end

  it("installs a package in stages", function()
    assert.equal("ActionBegun", line("Install", { version = "1" }))
    assert.equal("StageReached", status("half-installed", "1"))
    assert.equal("StageReached", status("unpacked", "1"))
    assert.equal("ActionBegun", line("Configure", { version = "1" }))
    assert.equal("", status("unpacked", "1"))
    assert.equal("StageReached", status("half-configured", "1"))
    assert.equal("PackageInstalled", status("installed", "1"))
    assert.equal("installed", known().status)
    assert.is_false(known().before_log)
  end)

  it("finds a package that was there before the log began", function()
    assert.equal("PackageFound ActionBegun", line("Upgrade", { from = "1", version = "2" }))
    assert.equal("StageReached", status("unpacked", "1"))
    assert.equal("StageReached", status("unpacked", "2"))
    assert.equal("PackageUpgraded", status("installed", "2"))
    assert.is_true(known().before_log)
    assert.equal(0, known().gaps)
  end)

  it("removes and purges", function()
    install "1"
    assert.equal("ActionBegun", line("Remove", { version = "1" }))
    assert.equal("StageReached", status("half-installed", "1"))
    assert.equal("PackageRemoved", status("config-files", "1"))
    assert.equal("ActionBegun", line("Purge", { version = "1" }))
    assert.equal("PackagePurged", status("not-installed"))
    assert.equal("not-installed", known().status)
    assert.equal("not_installed", line("Remove", { version = "1" }))
  end)

  it("accepts the removal of a package that it never saw installed", function()
    assert.equal("PackageFound ActionBegun", line("Remove", { version = "1" }))
    assert.is_true(known().before_log)
  end)

  it("refuses to install what is there, and believes the status that follows", function()
    install "1"
    assert.equal("already_there", line("Install", { version = "2" }))
    assert.equal("PackageFound", status("half-installed", "2"))
    assert.equal("PackageInstalled", status("installed", "2"))
    assert.equal(1, known().gaps)
  end)

  it("decides nothing on lines that it has seen", function()
    install "1"
    assert.equal("", line("Remove", { version = "1", at = "2025-01-01 00:00:01.000001" }))
    assert.equal("installed", known().status)
  end)

  it("refuses a status that dpkg does not have", function()
    local _, err = runtime:dispatch("ReportStatus", {
      package = "ed:amd64", status = "instaled", version = "1", at = "2025",
    })
    assert.equal("invalid", err.code)
  end)
end)

describe("the commands of dpkg's log", function()
  local function commands_of(log)
    local path = os.tmpname()
    write(path, log)
    local text = output_of(("lua5.4 %s <%s 2>&1"):format(
      quoted(root .. "/examples/packages/commands.lua"), path))
    os.remove(path)
    return text
  end

  it("are one for each line about a package", function()
    local text = commands_of [[
2025-01-01 00:00:00 startup archives unpack
2025-01-01 00:00:00 install ed:amd64 <none> 1.19-1
2025-01-01 00:00:01 status not-installed ed:amd64 <none>
]]
    assert.equal([[
{"command":"Install","data":{"package":"ed:amd64","version":"1.19-1",]]
      .. [["at":"2025-01-01 00:00:00.000002"},"key":"2025-01-01 00:00:00.000002"}
{"command":"ReportStatus","data":{"package":"ed:amd64","status":"not-installed",]]
      .. [["at":"2025-01-01 00:00:01.000001"},"key":"2025-01-01 00:00:01.000001"}
3 lines, 2025-01-01 00:00:00 to 2025-01-01 00:00:01: 2 commands, 1 about no package, 0 unreadable
]], text)
  end)

  it("have rising times where the clock was set back", function()
    local text = commands_of [[
2025-10-26 02:59:59 configure a:all 1 <none>
2025-10-26 02:00:00 configure b:all 1 <none>
2025-10-26 03:00:00 configure c:all 1 <none>
]]
    local times = {}
    for time in text:gmatch '"key":"(.-)"' do times[#times + 1] = time end
    assert.same({ "2025-10-26 02:59:59.000001", "2025-10-26 02:59:59.000002",
      "2025-10-26 03:00:00.000001" }, times)
  end)

  it("leave out what is not a line of dpkg's", function()
    local text = commands_of "2025-01-01 00:00:00 install ed:a\n\0\"\\\n"
    assert.truthy(text:find("0 commands, 0 about no package, 2 unreadable", 1, true))
  end)
end)

describe("examples/packages/run", function()
  local folder

  setup(function()
    folder = output_of("mktemp -d"):match "[^\n]+"
  end)
  teardown(function() os.execute("rm -rf " .. quoted(folder)) end)

  local function run()
    return output_of(("cd / && DPKG_LOG=%s NEAP_BUILD=%s NEAP_STORE=%s %s 2>&1 </dev/null"):format(
      quoted(folder .. "/dpkg.log"), quoted(build), quoted("sqlite:" .. folder .. "/packages.db"),
      quoted(root .. "/examples/packages/run")))
  end

  it("says what to do without a log", function()
    local text, status = run()
    assert.equal(1, status)
    assert.truthy(text:find("there is no history to tell", 1, true), text)
  end)

  it("reads rotated logs in order, explains every difference, and adds nothing again", function()
    write(folder .. "/dpkg.log", [[
2025-03-01 00:00:00 status installed neap-spec-one:all 2
2025-03-01 00:00:01 install neap-spec-two:all <none> 5
2025-03-01 00:00:02 status unpacked neap-spec-three 7
]])
    write(folder .. "/dpkg.log.1", "2025-02-01 00:00:00 upgrade neap-spec-one:all 1 2\n")
    write(folder .. "/dpkg.log.2", [[
2025-01-01 00:00:00 install neap-spec-two:all <none> 4
2025-01-01 00:00:01 status installed neap-spec-two:all 4
]])
    assert(os.execute("gzip " .. quoted(folder .. "/dpkg.log.2")))

    local text, status = run()
    assert.equal(0, status, text)
    assert.truthy(text:find("6 commands: 6 events recorded", 1, true), text)
    assert.truthy(text:find("1 refused", 1, true), text)
    assert.truthy(text:find("already_there", 1, true), text)
    assert.truthy(text:find("the log begins at 2025-01-01 00:00:00", 1, true), text)
    assert.truthy(text:find("removed by a dpkg that wrote no line here:\n"
      .. "  neap-spec-one:all  2 installed, last line 2025-03-01", 1, true), text)
    assert.truthy(text:find("and with it since:\n  neap-spec-three  7 unpacked", 1, true), text)

    text, status = run()
    assert.equal(0, status, text)
    assert.truthy(text:find(": 0 events recorded", 1, true), text)
    assert.truthy(text:find("\n6 events in the store", 1, true), text)
  end)
end)
