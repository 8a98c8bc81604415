-- The verbs of these tests: what is the same, what fails and how.

local ci = require "ci"
local check = {}
local count = 0

local function shown(value)
  if type(value) ~= "table" then return type(value) == "string" and ("%q"):format(value) or tostring(value) end
  if value == ci.null then return "null" end
  local parts, at = {}, 0
  for key, item in pairs(value) do
    at = at + 1
    parts[at] = key == at and shown(item) or ("%s=%s"):format(key, shown(item))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function check.same(got, expected)
  count = count + 1
  if shown(got) ~= shown(expected) then error(("got %s, expected %s."):format(shown(got), shown(expected)), 2) end
end

-- The error must contain this text, and name no place inside `ci`.
function check.fails(expected, f, ...)
  count = count + 1
  local ok, err = pcall(f, ...)
  if ok then error(("it did not fail with %q."):format(expected), 2) end
  if not string.find(err, expected, 1, true) then error(("it said %q."):format(err), 2) end
  -- A tail call leaves no place.
  if not string.find(err, "^%w+%.lua:%d+: ") and string.find(err, "^%S+:%d+: ") then
    error(("it named a wrong place: %q."):format(err), 2)
  end
end

function check.done(least)
  if count < least then error(("only %d checks ran."):format(count), 2) end
  return ci.config()
end

return check
