-- Waits; the worker has nothing to do meanwhile.

local ci = require "ci"

return ci.step_type {
  name = "sleep",
  options = { seconds = "number" },
  check = function(o)
    local fits = type(o.seconds) ~= "number" or o.seconds >= 0 and o.seconds <= 366 * 86400
    return fits, ("`seconds` is a time of at most a year, not %s"):format(tostring(o.seconds))
  end,
  run = function(_, o) ci.sleep(o.seconds) end,
}
