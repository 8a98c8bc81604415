-- Writes the build's properties and sourcestamps as JSON into a file of the worker.

local ci = require "ci"

return ci.step_type {
  name = "json_properties_download",
  options = {
    workerdest = "string", -- relative to `workdir`
    mode = "string?", -- octal, "0644"
  },
  defaults = { halt_on_failure = true, description = "downloading", description_done = "downloaded" },
  run = function(step, o)
    local properties = {}
    for name, value in pairs(step.build.properties) do properties[name] = value end
    local text = ci.json.encode { properties = properties, sourcestamps = ci.json.array(step.build.sourcestamps) }
    local ok, err = pcall(step.write_file, step, ci.path.join(step.workdir, o.workerdest), text, o.mode)
    if not ok then step:fail(tostring(err)) end
  end,
}
