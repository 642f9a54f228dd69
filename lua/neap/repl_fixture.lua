-- The REPL's verb that makes a specification of what was decided.

local fixture = require "neap.fixture"

---What was decided up to the session's position.
---@param session neap.Repl
---@param aggregate string
---@param id string | integer
---@param options? neap.FixtureOptions
---@return table text
return function(session, aggregate, id, options)
  local history = session.history
  local text, err = fixture.of(session.past, history.path, aggregate, id, options,
    history.options.go_on)
  if not text then error(err, 0) end
  return setmetatable({ text = text }, {
    __lines = function()
      if options and options.file then return { "written: " .. options.file } end
      local lines = {}
      for line in string.gmatch(text, "([^\n]*)\n") do lines[#lines + 1] = line end
      return lines
    end,
  })
end
