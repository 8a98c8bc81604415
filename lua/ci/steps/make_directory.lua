-- Makes a directory on the worker, with its parents.

local ci = require "ci"

return ci.step_type {
  name = "make_directory",
  options = { dir = "string" },
  defaults = { halt_on_failure = true, description = "Creating", description_done = "Created" },
  run = function(step, o)
    local ok, err = pcall(step.make_directory, step, o.dir)
    if not ok then step:fail(tostring(err)) end
  end,
}
