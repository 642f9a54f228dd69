-- Plays what somebody types at a terminal: see terminal.c.
local neap = require "neap_command"

local terminal_play = {}

local terminal = assert(os.getenv "NEAP_TERMINAL", "NEAP_TERMINAL: where is terminal?")

terminal_play.past = "fixtures/past.lua"

local history = [[
{"command":"PlaceOrder","data":{"order":"o-1","total":4200}}
{"command":"PlaceOrder","data":{"order":"o-2","total":990}}
{"command":"PayOrder","data":{"order":"o-1"}}
{"command":"ShipOrder","data":{"order":"o-1"}}
{"command":"ShipOrder","data":{"order":"o-2"}}
]]

-- A store with five events in the folder. Gives its URL.
function terminal_play.store(folder)
  local store = "sqlite:" .. folder .. "/shop.db"
  assert(0 == neap.run({ "run", terminal_play.past, "--store", store, "--quiet" },
    { stdin = history }))
  return store
end

-- options: environment (as "NAME=value"), columns, styled (as terminal -s), arguments of the
-- command, domain. Gives what was seen; raises if it did not go as it should.
function terminal_play.play(folder, store, scenario, options)
  options = options or {}
  neap.write(folder .. "/scenario", scenario)
  local arguments = { "repl", options.domain or terminal_play.past, "--store", store }
  table.move(options.arguments or {}, 1, #(options.arguments or {}), #arguments + 1, arguments)
  local line = "env -u NEAP_STORE -u NO_COLOR -u PAGER -u LESS -u LV TERM=xterm LC_ALL=C.UTF-8 "
    .. "NEAP_HISTORY=%s/typed %s %s %s %d %s <%s >%s 2>%s"
  local status = neap.shell(line:format(folder, options.environment or "", neap.quote(terminal),
    options.styled and "-s" or "", options.columns or 100, neap.line(arguments),
    folder .. "/scenario", folder .. "/shown", folder .. "/told"))
  local shown = neap.read(folder .. "/shown")
  if status ~= 0 then error(neap.read(folder .. "/told") .. shown, 2) end
  return shown
end

-- What differs from run to run gets other digits, and stays as wide.
function terminal_play.without_times(text)
  text = text:gsub("%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.%d%d%d", "2026-11-27 14:10:29.123")
  text = text:gsub("%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d+Z", "2026-11-27T14:10:29.123456Z")
  text = text:gsub("%d%d%-%d%d %d%d:%d%d:%d%d%f[^%d.]", "11-27 14:10:29")
  return (text:gsub("%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x",
    "01a21fa4-7519-751e-9303-0c82a13b5d40"))
end

return terminal_play
