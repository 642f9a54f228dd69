local root = os.getenv "NEAP_SOURCE" or "."
package.path = root .. "/?.lua;" .. package.path
local folders = require "spec.style.folders"

local function lines_of(command, ...)
  local arguments = {}
  for i, argument in ipairs { ... } do
    arguments[i] = "'" .. argument:gsub("'", "'\\''") .. "'"
  end
  local lines = {}
  local pipe = assert(io.popen(command:format(table.unpack(arguments))))
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  return lines
end

local function read(path)
  local file <close> = assert(io.open(root .. "/" .. path))
  return file:read "a"
end

describe("the folders", function()
  it("depend one way, and leave clock, randomness and waiting to the platform", function()
    local sources = lines_of("cd %s && find core stores -name '*.[ch]' | sort", root)
    assert.is_true(#sources > 20)
    local findings = {}
    for _, path in ipairs(sources) do
      for _, finding in ipairs(folders.check_source(path, read(path))) do
        findings[#findings + 1] = finding
      end
    end
    assert.same({}, findings)
  end)

  -- In a clone, what is not tracked is its owner's.
  it("stand at a top level that holds nothing else", function()
    local names = lines_of("cd %s && git ls-files 2>/dev/null | cut -d / -f 1 | sort -u", root)
    if #names == 0 then names = lines_of("ls -A %s", root) end
    assert.is_true(#names > 5)
    assert.same({}, folders.check_top_level(names))
  end)
end)

describe("the check of folders", function()
  local broken = {
    { "core/base/text.c", '#include "store/unit.h"', "must not depend on store" },
    { "core/message/json.c", '#include "bus/catalog.h"', "must not depend on bus" },
    { "core/store/store.c", '#include "script/engine.h"', "must not depend on script" },
    { "core/bus/catalog.c", '#include "store/unit.h"', "must not depend on store" },
    { "core/script/engine.c", '#include "runtime/lane.h"', "must not depend on runtime" },
    { "core/cli/run.c", '#include "base/text.h"', "may include neap.h only" },
    { "stores/sqlite/read.c", '#include "message/json.h"', "must not depend on message" },
    { "stores/sqlite/read.c", '#include "memory/log.h"', "must not depend on memory" },
    { "core/runtime/lane.c", "#include <lua.h>", "belongs to core/script/ alone" },
    { "core/store/url.c", "#include <sqlite3.h>", "belongs to stores/sqlite/ alone" },
    { "core/store/url.c", "#include <libpq-fe.h>", "belongs to stores/postgresql/ alone" },
    { "core/outbox/subject.c", "#include <nats/nats.h>", "belongs to core/outbox/nats/ alone" },
    { "core/outbox/subject.c", '#include "store/store.h"', "must not depend on store" },
    { "core/include/neap.h", "#include <pthread.h>", "standard headers only" },
    { "core/store/url.c", '#include "url.h"', "without its folder" },
    { "core/other/x.c", "", "no rule says" },
    { "core/runtime/lane.c", "{ clock_gettime(CLOCK_REALTIME, &t); }", "clock_gettime()" },
    { "core/runtime/lane.c", "x = time(NULL);", "time() is called" },
    { "stores/memory/log.c", "pthread_cond_wait(&c, &m);", "pthread_cond_wait()" },
    { "core/cli/run.c", " usleep(5);", "usleep()" },
    { "core/cli/run.c", "poll(&fd, 1, 0);", "poll()" },
  }
  for _, case in ipairs(broken) do
    it("reports " .. case[1] .. " with " .. case[2], function()
      local findings = folders.check_source(case[1], case[2])
      assert.equal(1, #findings)
      assert.truthy(findings[1]:find(case[3], 1, true), findings[1])
    end)
  end

  local sound = {
    { "core/cli/run.c", '#include "options.h"\n#include "neap.h"' },
    { "core/cli/lines.c", "poll(&fd, 1, 0);" },
    { "stores/postgresql/connection.c", "poll(&fd, 1, 0);" },
    { "stores/sqlite/read.c", '#include "sqlite/schema.h"\n#include <sqlite3.h>' },
    { "core/base/platform.c", " clock_gettime(CLOCK_REALTIME, &t);" },
    { "core/runtime/lane.c", "/* time(NULL) */ self->random(self, bytes, 16); neapi_time(1);" },
    { "core/runtime/lane.c", 'f("time() is over"); // usleep(1)' },
  }
  for _, case in ipairs(sound) do
    it("accepts " .. case[1] .. " with " .. case[2]:gsub("\n", " "), function()
      assert.same({}, folders.check_source(case[1], case[2]))
    end)
  end

  it("reports a stray file at the top level", function()
    assert.same({ "notes.txt: does not belong to the top level" },
      folders.check_top_level { "core", ".ci", "LICENSE", "notes.txt" })
  end)
end)
