-- Brings a file from the worker to the master. `workersrc` is relative to the step's `workdir`,
-- `masterdest` to the master's base directory.

local ci = require "ci"

return ci.step_type {
  name = "file_upload",
  options = {
    workersrc = "string",
    masterdest = "string",
    mode = "string?", -- octal, "0644"
    max_size = "integer?",
    block_size = "integer?",
    keep_stamp = "boolean?",
    url = "string?", -- a link to the file, shown at the step
    url_text = "string?",
  },
  defaults = { halt_on_failure = true, description = "uploading", description_done = "uploaded" },
  check = function(o)
    local is_octal = type(o.mode) ~= "number" and (type(o.mode) ~= "string" or o.mode:match "^[0-7]+$" ~= nil)
    return is_octal, 'mode is a string of octal digits, such as "0644"'
  end,
  run = function(step, o)
    local ok, err = pcall(step.upload_file, step, {
      workersrc = ci.path.join(step.workdir, o.workersrc),
      masterdest = o.masterdest,
      mode = o.mode,
      max_size = o.max_size,
      block_size = o.block_size,
      keep_stamp = o.keep_stamp,
    })
    if not ok then step:fail(tostring(err)) end
    if o.url then step:add_url(o.url_text or ci.path.basename(o.masterdest), o.url) end
  end,
}
