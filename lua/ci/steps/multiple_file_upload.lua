-- Brings several files from the worker into one directory of the master.

local ci = require "ci"

return ci.step_type {
  name = "multiple_file_upload",
  options = {
    workersrcs = "string|string[]", -- relative to `workdir`; patterns with `glob`
    masterdest = "string", -- a directory, relative to the master's base directory
    glob = "boolean?",
    mode = "string?", -- octal, "0644"
    max_size = "integer?",
    block_size = "integer?",
    keep_stamp = "boolean?",
    url = "string?", -- a link to the directory, shown at the step
    url_text = "string?",
  },
  defaults = { halt_on_failure = true, description = "uploading" },
  run = function(step, o)
    local paths = {}
    for _, src in ipairs(ci.list.flatten { o.workersrcs }) do
      local path = ci.path.join(step.workdir, src)
      local found = o.glob and step:glob(path) or { path }
      for _, one in ipairs(found) do paths[#paths + 1] = one end
    end
    if #paths == 0 then step:fail "no file was found" end
    local from = {}
    for _, path in ipairs(paths) do
      local name = ci.path.basename((path:gsub("\\", "/")))
      if from[name] then step:fail(("%s and %s would be the same file."):format(from[name], path)) end
      from[name] = path
      local ok, err = pcall(step.upload_file, step, {
        workersrc = path,
        masterdest = o.masterdest .. "/" .. name,
        mode = o.mode,
        max_size = o.max_size,
        block_size = o.block_size,
        keep_stamp = o.keep_stamp,
      })
      if not ok then step:fail(tostring(err)) end
    end
    step:set_summary(#paths == 1 and "1 file uploaded" or ("%d files uploaded"):format(#paths))
    if o.url then step:add_url(o.url_text or ci.path.basename(o.masterdest), o.url) end
  end,
}
