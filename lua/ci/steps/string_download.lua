-- Writes a text into a file of the worker.

local ci = require "ci"

return ci.step_type {
  name = "string_download",
  options = {
    s = "string",
    workerdest = "string", -- relative to `workdir`
    mode = "string?", -- octal, "0644"
  },
  defaults = { halt_on_failure = true, description = "downloading", description_done = "downloaded" },
  check = function(o)
    local is_octal = type(o.mode) ~= "number" and (type(o.mode) ~= "string" or o.mode:match "^[0-7]+$" ~= nil)
    return is_octal, 'mode is a string of octal digits, such as "0644"'
  end,
  run = function(step, o)
    local ok, err = pcall(step.write_file, step, ci.path.join(step.workdir, o.workerdest), o.s, o.mode)
    if not ok then step:fail(tostring(err)) end
  end,
}
