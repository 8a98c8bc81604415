-- Fails unless a file is there on the worker; a directory is none.

local ci = require "ci"

return ci.step_type {
  name = "file_exists",
  options = { file = "string" }, -- relative to `workdir`
  defaults = { halt_on_failure = true, description = "Checking", description_done = "File found." },
  run = function(step, o)
    local stat = step:stat(ci.path.join(step.workdir, o.file))
    if not stat then step:fail(("%s is not there."):format(o.file)) end
    if not stat.is_file then step:fail(("%s is not a file."):format(o.file)) end
  end,
}
