-- Sets one property of the build.

local ci = require "ci"

return ci.step_type {
  name = "set_property",
  options = { property = "string", value = "any" },
  defaults = { description = "Setting", description_done = "Set" },
  run = function(step, o) step:set_property(o.property, o.value, "SetProperty Step") end,
}
