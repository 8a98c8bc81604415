-- Copies a directory on the worker, links and times kept.

local ci = require "ci"

return ci.step_type {
  name = "copy_directory",
  options = { src = "string", dest = "string" }, -- relative to `workdir`
  defaults = { halt_on_failure = true, timeout = 120, description = "Copying", description_done = "Copied" },
  run = function(step, o)
    local src, dest = ci.path.join(step.workdir, o.src), ci.path.join(step.workdir, o.dest)
    local ok, err = pcall(step.copy_directory, step, src, dest)
    if not ok then step:fail(tostring(err)) end
  end,
}
