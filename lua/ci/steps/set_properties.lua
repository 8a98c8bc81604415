-- Sets several properties of the build.

local ci = require "ci"

return ci.step_type {
  name = "set_properties",
  options = { properties = "map" },
  defaults = { description = "Setting Properties..", description_done = "Properties Set" },
  run = function(step, o) step:set_properties(o.properties, "SetProperties Step") end,
}
