-- Brings a file from the master to the worker.

local ci = require "ci"

return ci.step_type {
  name = "file_download",
  options = {
    mastersrc = "string", -- relative to the master's base directory
    workerdest = "string", -- relative to `workdir`
    mode = "string?", -- octal, "0644"
    max_size = "integer?",
    block_size = "integer?",
  },
  defaults = { halt_on_failure = true, description = "downloading", description_done = "downloaded" },
  run = function(step, o)
    local ok, err = pcall(step.download_file, step, {
      mastersrc = o.mastersrc,
      workerdest = ci.path.join(step.workdir, o.workerdest),
      mode = o.mode,
      max_size = o.max_size,
      block_size = o.block_size,
    })
    if not ok then step:fail(tostring(err)) end
  end,
}
