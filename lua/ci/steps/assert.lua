-- Fails unless `check` is true: neither nil nor false.

local ci = require "ci"

return ci.step_type {
  name = "assert",
  options = { check = "any" },
  check = function(o) return o.check ~= nil, "give `check`: a value, a property or a function of the build" end,
  run = function(step, o)
    if not o.check or o.check == ci.null then step:fail "what was to be checked is not true" end
  end,
}
