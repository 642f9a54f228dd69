-- Timeout: no message takes longer.

local check = require "neap.check"

---Makes a middleware that bounds what it wraps. What has not begun by then is withdrawn; what is
---with the writer is a `timeout` whose outcome is unknown. Inside a retry it bounds each attempt,
---around it all of them; so it does around the attempts of a subscriber. Around a saga, where
---nothing waits, it does nothing.
---
---```lua
---shop:use(neap.middleware.timeout(2))
---```
---@param seconds number
---@return neap.Middleware
local function timeout(seconds)
  if type(seconds) ~= "number" or not (seconds > 0 and seconds <= 86400) then
    check.misuse("neap.middleware.timeout needs seconds, above 0 and at most 86400, but got %s",
      type(seconds) == "number" and seconds or type(seconds))
  end
  return function(message, context, next)
    local _ <close> = context:timeout(seconds)
    local result, err = next(message, context)
    return result, err
  end
end

return timeout
