-- Brings a directory from the worker to the master; what is there is added to.

local ci = require "ci"

return ci.step_type {
  name = "directory_upload",
  options = {
    workersrc = "string", -- relative to `workdir`
    masterdest = "string", -- relative to the master's base directory
    compress = '("gz"|"bz2")?', -- on the way
    max_size = "integer?", -- bytes, of all files together
    block_size = "integer?",
    url = "string?", -- a link to the directory, shown at the step
    url_text = "string?",
  },
  defaults = { halt_on_failure = true, description = "uploading", description_done = "uploaded" },
  run = function(step, o)
    local ok, err = pcall(step.upload_directory, step, {
      workersrc = ci.path.join(step.workdir, o.workersrc),
      masterdest = o.masterdest,
      compress = o.compress,
      max_size = o.max_size,
      block_size = o.block_size,
    })
    if not ok then step:fail(tostring(err)) end
    if o.url then step:add_url(o.url_text or ci.path.basename(o.masterdest), o.url) end
  end,
}
