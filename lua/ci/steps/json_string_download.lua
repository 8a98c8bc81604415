-- Writes a value as JSON into a file of the worker.

local ci = require "ci"

return ci.step_type {
  name = "json_string_download",
  options = {
    o = "any",
    workerdest = "string", -- relative to `workdir`
    mode = "string?", -- octal, "0644"
  },
  defaults = { halt_on_failure = true, description = "downloading", description_done = "downloaded" },
  run = function(step, o)
    local path = ci.path.join(step.workdir, o.workerdest)
    local ok, err = pcall(step.write_file, step, path, ci.json.encode(o.o), o.mode)
    if not ok then step:fail(tostring(err)) end
  end,
}
