-- Removes files with secrets from the worker, also when the build has failed.

local ci = require "ci"

return ci.step_type {
  name = "remove_worker_file_secret",
  options = { paths = "string|string[]" }, -- relative to `workdir`
  defaults = { always_run = true, description = "removing secrets", description_done = "secrets removed" },
  run = function(step, o)
    for _, path in ipairs(ci.list.flatten { o.paths }) do
      path = ci.path.join(step.workdir, path)
      if step:path_exists(path) then step:remove_file(path) end
    end
  end,
}
