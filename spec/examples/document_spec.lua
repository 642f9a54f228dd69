local root = assert(os.getenv "NEAP_SOURCE", "NEAP_SOURCE says where the tree is")
local build = assert(os.getenv "NEAP_BUILD", "NEAP_BUILD says where it was built")
package.path = root .. "/?.lua;" .. package.path
local document = require "spec.examples.document"

local place = { root = root, build = build }

local function read(path)
  local file <close> = assert(io.open(root .. "/" .. path))
  return file:read "a"
end

describe("what is printed in", function()
  for _, path in ipairs {
    "docs/testing.md", "docs/outbox.md",
    "README.md", "examples/shop/README.md", "examples/packages/README.md", "docs/store.md",
    "docs/messages.md", "docs/aggregates.md", "docs/tags.md", "docs/middleware.md",
    "docs/evolution.md", "docs/limits.md", "docs/operations.md", "docs/live.md",
    "docs/handlers.md", "docs/lanes.md", "docs/projections.md", "docs/scheduling.md",
    "docs/rows.md", "docs/sagas.md", "docs/history.md", "docs/subscribers.md",
  } do
    it(path .. " is true", function()
      local findings, commands = document.check(read(path), place)
      assert.equal("", table.concat(findings, "\n"))
      assert.is_true(commands > 0)
    end)
  end
end)

describe("the check of documents", function()
  local function findings_of(markdown)
    return table.concat((document.check(markdown, place)), "\n")
  end

  it("accepts what is printed", function()
    assert.equal("", findings_of("```console\n$ echo one; echo two >&2\none\ntwo\n"
      .. "$ x=5\n$ echo $x\n5\n```\n"))
  end)

  it("accepts another id", function()
    assert.equal("", findings_of("```console\n$ echo 01890a5d-ac96-774b-bcce-b302099a8057\n"
      .. "01890a5d-0000-7000-8000-b302099a8058\n```\n"))
  end)

  it("joins the lines of a command", function()
    assert.equal("", findings_of "```console\n$ echo a \\\n> b\na b\n```\n")
  end)

  it("passes over what is for machines with another program", function()
    assert.equal("", findings_of "```sh if no-such-program\nfalse\n```\n")
    assert.truthy(findings_of("```sh if sh\nfalse\n```\n"):find "ended with 1")
  end)

  it("reports other output", function()
    local findings = findings_of "```console\n$ echo one\ntwo\n```\n"
    assert.truthy(findings:find "printed\none\ninstead of\ntwo")
  end)

  it("reports output that is missing or too much", function()
    assert.truthy(findings_of("```console\n$ true\ntwo\n```\n"):find "instead of")
    assert.truthy(findings_of("```console\n$ echo one\n```\n"):find "instead of")
  end)

  it("reports a command that fails, and one that ends the shell", function()
    assert.truthy(findings_of("```sh\nfalse\n```\n"):find "ended with 1")
    assert.truthy(findings_of("```sh\nexit 0\n```\n"):find "did not come to its end")
  end)

  it("writes a named file for the commands", function()
    assert.equal("", findings_of("```lua a.lua\nprint(1)\n```\n"
      .. "```console\n$ lua5.4 a.lua\n1\n```\n"))
  end)

  it("reports a file of the tree that says something else", function()
    assert.truthy(findings_of("```lua examples/shop/shop.lua\nno\n```\n"):find "does not say this")
  end)

  it("reports an entry that cannot be executed and a path that does not exist", function()
    assert.truthy(findings_of("```sh entry\nREADME.md\n```\n"):find "cannot be executed")
    assert.truthy(findings_of("```text\nnowhere  is no folder\n```\n"):find "there is no nowhere")
  end)

  it("reports a block that nobody tests", function()
    assert.truthy(findings_of("```lua\nprint(1)\n```\n"):find "nobody knows")
  end)
end)
