-- Which parts of the core may depend on which, and what only some of them may use. Takes sources as
-- text, so that a spec can ask it about sources that break the rules.

local folders = {}

-- What each folder may include besides itself; `neap.h` and the C library are everybody's.
local may_include = {
  ["core/base"] = {},
  ["core/message"] = { "base" },
  ["core/store"] = { "base", "message" },
  ["core/outbox"] = { "base", "message" },
  ["core/bus"] = { "base", "message" },
  ["core/script"] = { "base", "message", "store", "bus" },
  ["core/runtime"] = { "base", "message", "store", "outbox", "bus", "script" },
  ["core/cli"] = {},
  ["core/include"] = {},
  ["stores"] = { "base", "store" },
}

local system_headers = {
  ["lua.h"] = "core/script/",
  ["lauxlib.h"] = "core/script/",
  ["lualib.h"] = "core/script/",
  ["luaconf.h"] = "core/script/",
  ["sqlite3.h"] = "stores/sqlite/",
  ["libpq-fe.h"] = "stores/postgresql/",
  ["nats/nats.h"] = "core/outbox/nats/",
}

local public_header_includes = { ["stdbool.h"] = true, ["stddef.h"] = true, ["stdint.h"] = true }

-- Functions of clock, randomness and waiting. core/base/platform.c is where they belong.
local platform_functions = {
  "clock_gettime", "gettimeofday", "timespec_get", "time", "clock", "nanosleep", "clock_nanosleep",
  "usleep", "sleep", "alarm", "setitimer", "timer_create", "timerfd_create", "getrandom",
  "getentropy", "rand", "rand_r", "random", "srandom", "srand", "drand48", "arc4random",
  "pthread_cond_wait", "pthread_cond_timedwait", "pthread_cond_signal", "pthread_cond_broadcast",
  "pthread_cond_init", "pthread_barrier_wait", "sem_wait", "sem_timedwait", "sem_post", "poll",
  "ppoll", "select", "pselect", "epoll_wait", "eventfd", "sched_yield", "thrd_sleep", "cnd_wait",
  "sqlite3_sleep", "sqlite3_randomness",
}
local platform_file = "core/base/platform.c"

-- The command is a host of the library, and waits as any program does: for its user, to write a
-- file now and then, and in order to print replies in the order of their commands. A second writer
-- on SQLite waits a moment for the first one's name, and a store in PostgreSQL for its server's
-- answers.
local exceptions = {
  ["stores/postgresql/connection.c"] = { poll = true },
  ["stores/postgresql/listen.c"] = { poll = true },
  ["core/cli/output.c"] = { poll = true },
  ["core/cli/lines.c"] = { poll = true },
  ["core/cli/repl.c"] = { clock_gettime = true },
  ["core/cli/typing_libedit.c"] = { ppoll = true },
  ["core/cli/metrics.c"] = { poll = true },
  ["core/cli/stop.c"] = { poll = true },
  ["core/cli/window.c"] = {
    pthread_cond_init = true, pthread_cond_wait = true, pthread_cond_signal = true,
  },
  ["stores/sqlite/lock.c"] = { sched_yield = true },
}

local top_level = {
  ["CMakeLists.txt"] = true, core = true, lua = true, stores = true, spec = true,
  examples = true, ["README.md"] = true, LICENSE = true, docs = true, bench = true,
  ["CMakePresets.json"] = true, build = true,
}

local function folder_of(path)
  if path:match "^stores/" then return "stores", path:match "^stores/([^/]+)/" end
  return path:match "^core/[^/]+", nil
end

local function without_comments(source)
  return (source:gsub("/%*.-%*/", " "):gsub("//[^\n]*", " "))
end

local function without_strings(source)
  return (source:gsub('"[^"\n]*"', '""'))
end

local function contains(list, wanted)
  for _, item in ipairs(list) do
    if item == wanted then return true end
  end
  return false
end

local function check_quoted(path, folder, backend, header)
  if header == "neap.h" then return end
  local part = header:match "^([^/]+)/"
  if not part then
    if folder == "core/cli" or folder == "stores" then return end
    return "names a header without its folder"
  end
  if folder == "core/cli" or folder == "core/include" then return "may include neap.h only" end
  if folder == "stores" and part == backend then return end
  if folder == "core/" .. part or contains(may_include[folder], part) then return end
  if path:match "^core/script/module/" then return "may include neap.h and Lua only" end
  return folder .. " must not depend on " .. part
end

local function check_system(path, folder, header)
  if folder == "core/include" and not public_header_includes[header] then
    return "neap.h includes standard headers only"
  end
  local home = system_headers[header]
  if home and path:sub(1, #home) ~= home then return "belongs to " .. home .. " alone" end
end

local function check_includes(path, source, report)
  local folder, backend = folder_of(path)
  if not may_include[folder] then
    report("no rule says what this folder may include")
    return
  end
  for open, header in without_comments(source):gmatch '#%s*include%s*([<"])([^>"]+)[>"]' do
    local wrong
    if open == '"' or header == "neap.h" then
      wrong = check_quoted(path, folder, backend, header)
    else
      wrong = check_system(path, folder, header)
    end
    if wrong then report(header .. ": " .. wrong) end
  end
end

local function check_platform(path, source, report)
  if path == platform_file then return end
  local allowed = exceptions[path] or {}
  local code = "\n" .. without_strings(without_comments(source))
  for _, name in ipairs(platform_functions) do
    for before in code:gmatch("([^%w_])" .. name .. "%s*%(") do
      if before ~= "." and before ~= ">" and not allowed[name] then
        report(name .. "() is called outside " .. platform_file)
      end
    end
  end
end

--- What is wrong with one source file of core/ or stores/.
---@param path string from the top level, "core/bus/catalog.c"
---@param source string
---@return string[] findings, each with the path in front
function folders.check_source(path, source)
  local findings = {}
  local function report(text)
    findings[#findings + 1] = path .. ": " .. text
  end
  check_includes(path, source, report)
  check_platform(path, source, report)
  return findings
end

--- Which of the top level's names do not belong there.
---@param names string[]
---@return string[]
function folders.check_top_level(names)
  local findings = {}
  for _, name in ipairs(names) do
    if not top_level[name] and name:sub(1, 1) ~= "." then
      findings[#findings + 1] = name .. ": does not belong to the top level"
    end
  end
  return findings
end

return folders
