-- Reads text in the exposition format of Prometheus, version 0.0.4, and is strict about it: what a
-- lenient reader would take is an error here.

local exposition = {}

local kinds = { counter = true, gauge = true, histogram = true }

local function fail(number, line, what)
  error(("line %d, %s: %s"):format(number, what, line), 0)
end

local escapes = { ["\\"] = "\\", ['"'] = '"', n = "\n" }

-- The labels between the braces, as a table, and as a text that tells one series from another.
local function read_labels(text, refuse)
  local labels, at = {}, 1
  while at <= #text do
    local name, behind = text:match('^([%a_][%w_]*)="()', at)
    if not name then refuse "no label's name where one must be" end
    if labels[name] then refuse("label '" .. name .. "' stands there twice") end
    local value = {}
    at = behind
    while text:sub(at, at) ~= '"' do
      local plain, escaped = text:match('^([^"\\\n]+)', at), text:match("^\\(.)", at)
      if not plain and not escapes[escaped] then refuse "a label's value that is not right" end
      value[#value + 1] = plain or escapes[escaped]
      at = at + (plain and #plain or 2)
    end
    labels[name] = table.concat(value)
    at = at + 1
    if at <= #text then
      if text:sub(at, at) ~= "," or at == #text then refuse "no comma between labels" end
      at = at + 1
    end
  end
  return labels
end

local function series_of(labels, without)
  local parts = {}
  for name, value in pairs(labels) do
    if name ~= without then parts[#parts + 1] = ("%s=%q"):format(name, value) end
  end
  table.sort(parts)
  return table.concat(parts, ",")
end

local function family_of(families, name)
  if families[name] then return families[name], "" end
  local base, suffix = name:match "^(.-)(_bucket)$"
  if not base then base, suffix = name:match "^(.-)(_sum)$" end
  if not base then base, suffix = name:match "^(.-)(_count)$" end
  local family = base and families[base]
  if family and family.kind == "histogram" then return family, suffix end
end

local function read_number(text)
  if text == "+Inf" then return math.huge end
  return text:match "^%-?%d+%.?%d*$" and tonumber(text)
end

local function read_comment(state, line, refuse)
  local what, name, rest = line:match "^# (%u+) ([%a_:][%w_:]*) (.+)$"
  if what == "HELP" then
    if state.families[name] then refuse "HELP a second time" end
    state.families[name] = { name = name, help = rest, samples = {}, series = {} }
    state.current = state.families[name]
  elseif what == "TYPE" then
    local family = state.families[name]
    if family ~= state.current or not family or family.kind then refuse "TYPE in another place" end
    if not kinds[rest] then refuse "unknown kind" end
    family.kind = rest
  else
    refuse "a comment that is neither HELP nor TYPE"
  end
end

local function read_sample(state, line, refuse)
  local name, inside, value = line:match "^([%a_:][%w_:]*){(.*)} (%S+)$"
  if not name then refuse "not a sample" end
  local family, suffix = family_of(state.families, name)
  if not family or family ~= state.current then refuse "outside its family" end
  if family.kind == "histogram" and suffix == "" then refuse "a histogram without its suffix" end
  local number = read_number(value)
  if not number then refuse "not a number" end
  local labels = read_labels(inside, refuse)
  local key = suffix .. "|" .. series_of(labels)
  if family.series[key] then refuse "the same series twice" end
  family.series[key] = true
  table.insert(family.samples, { suffix = suffix, labels = labels, value = number })
end

-- The buckets of each series rise, end with +Inf, and agree with its count.
local function check_histogram(family)
  local open = {}
  for _, sample in ipairs(family.samples) do
    local key = series_of(sample.labels, "le")
    local series = open[key] or { bound = -math.huge, count = 0 }
    open[key] = series
    if sample.suffix == "_bucket" then
      local bound = assert(read_number(sample.labels.le), "a bucket without le")
      assert(bound > series.bound and sample.value >= series.count, family.name .. ": no rise")
      series.bound, series.count = bound, sample.value
    elseif sample.suffix == "_count" then
      assert(series.bound == math.huge and sample.value == series.count, family.name .. ": count")
      series.counted = true
    else
      series.sum = sample.value
    end
  end
  for key, series in pairs(open) do
    assert(series.counted and series.sum, family.name .. ": incomplete: " .. key)
  end
end

---Raises if anything is wrong with the text. Gives its families by name.
---@param text string
---@return table<string, table>
function exposition.read(text)
  local state = { families = {} }
  assert(text:sub(-1) == "\n", "the last line does not end")
  local number = 0
  for line in text:gmatch "(.-)\n" do
    number = number + 1
    local function refuse(what) fail(number, line, what) end
    if line:sub(1, 1) == "#" then
      read_comment(state, line, refuse)
    else
      read_sample(state, line, refuse)
    end
  end
  for name, family in pairs(state.families) do
    assert(family.kind, name .. " has no TYPE")
    assert((family.kind == "counter") == (name:sub(-6) == "_total"), name .. ": _total")
    if family.kind == "histogram" then check_histogram(family) end
  end
  return state.families
end

---The value of the one sample that has these labels, or nil.
---@param family table
---@param wanted table<string, string>
---@return number?
function exposition.value(family, wanted, suffix)
  for _, sample in ipairs(family.samples) do
    local fits = sample.suffix == (suffix or "")
    for name, value in pairs(wanted) do
      fits = fits and sample.labels[name] == value
    end
    if fits then return sample.value end
  end
end

return exposition
