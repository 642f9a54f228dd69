-- Whether what somebody handles is defined.

local check = require "neap.check"

local defined = {}

---Raises at the place unless there is a message of that kind and name.
---@param by_name table<string, { message: neap.Message }>
---@param kind neap.Kind
---@param name string
---@param place neap.Place
---@param what string "aggregate 'Order'"
---@param fate? string what became of it, if it is not defined
function defined.check(by_name, kind, name, place, what, fate)
  local entry = by_name[name]
  if not entry then
    local names = {}
    for known, other in pairs(by_name) do
      if other.message.kind == kind then
        names[#names + 1] = known
      end
    end
    table.sort(names)
    check.misuse_at(place, "%s handles the %s '%s', which is not defined%s", what, kind, name,
      fate or check.did_you_mean(name, names))
  elseif entry.message.kind ~= kind then
    check.misuse_at(place, "%s handles '%s' as %s, but it is %s", what, name, check.a(kind),
      check.a(entry.message.kind))
  end
end

return defined
