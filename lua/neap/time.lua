-- Moments as text, in UTC.

local time = {}

-- Days since 1970 of a date in the Gregorian calendar.
local function days_of(year, month, day)
  local shifted = month <= 2 and year - 1 or year
  local era = shifted // 400
  local of_era = shifted - era * 400
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
end

local lengths = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_date(year, month, day)
  return year >= 1970 and month >= 1 and month <= 12 and day >= 1 and day <= lengths[month]
end

---µs since 1970 of a text as in "2026-11-27T14:10:29.406182Z"; what is left out at its end is zero.
---@param text string
---@return integer? us nil: it is none
function time.parse(text)
  local year, month, day, rest = string.match(text, "^(%d%d%d%d)-(%d%d)-(%d%d)(.*)$")
  if not year then return nil end
  year, month, day = math.tointeger(year), math.tointeger(month), math.tointeger(day)
  if not is_date(year, month, day) then return nil end
  local us = days_of(year, month, day) * 86400000000
  rest = string.gsub(rest, "Z$", "")
  if rest == "" then return us end
  local hour, minute, seconds = string.match(rest, "^[T ](%d%d):(%d%d)(.*)$")
  if not hour or tonumber(hour) > 23 or tonumber(minute) > 59 then return nil end
  us = us + math.tointeger(hour) * 3600000000 + math.tointeger(minute) * 60000000
  if seconds == "" then return us end
  local second, fraction = string.match(seconds, "^:(%d%d)%.?(%d*)$")
  if not second or tonumber(second) > 59 then return nil end
  fraction = string.sub(fraction .. "000000", 1, 6)
  return us + math.tointeger(second) * 1000000 + math.tointeger(fraction)
end

---The text of µs since 1970: "2026-11-27T14:10:29.406182Z".
---@param us integer
---@return string
function time.format(us)
  local seconds = us // 1000000
  return string.format("%s.%06dZ", os.date("!%Y-%m-%dT%H:%M:%S", seconds), us % 1000000)
end

return time
