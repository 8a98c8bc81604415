-- Makes a directory on the worker, with its parents.

local ci = require "ci"

return ci.step_type {
  name = "make_directory",
  options = { dir = "string" },
  defaults = { halt_on_failure = true, description = "Creating", description_done = "Created" },
  run = function(step, o) step:make_directory(o.dir) end,
}
