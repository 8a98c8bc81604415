-- Removes directories on the worker, with all that is in them.

local ci = require "ci"

return ci.step_type {
  name = "remove_directory",
  options = { dir = "string|string[]" },
  defaults = { halt_on_failure = true, description = "Deleting", description_done = "Deleted" },
  run = function(step, o)
    local ok, err = pcall(step.remove_directory, step, o.dir)
    if not ok then step:fail(tostring(err)) end
  end,
}
