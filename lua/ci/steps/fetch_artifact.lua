-- Brings artifacts that an earlier build has kept to the worker.

local ci = require "ci"

return ci.step_type {
  name = "fetch_artifact",
  options = {
    builder = "string?", -- default: this builder
    build = "(string|integer)?", -- "latest-success" (default), or a number
    branch = "string?", -- for the latest success: of this branch
    names = "(string|string[])?", -- patterns; default: all
    workerdest = "string?", -- a directory, relative to `workdir`
    mode = "string?", -- octal, "0755"
  },
  defaults = { halt_on_failure = true, description = "fetching" },
  run = function(step, o)
    local names = ci.list.flatten { o.names or "*" }
    local whose = ("%s of %s"):format(o.build or "latest-success", o.builder or step.build.builder.name)
    local ok, found = pcall(step.find_artifacts, step, {
      builder = o.builder,
      build = o.build,
      branch = o.branch,
      names = names,
    })
    if not ok then step:fail(tostring(found)) end
    if not found then step:fail(("There is no %s that has artifacts."):format(whose)) end
    local is_wanted = ci.glob(names)
    local wanted = ci.list.filter(found, function(artifact) return is_wanted(artifact.name) end)
    if #wanted == 0 then
      local all = table.concat(ci.list.map(found, function(artifact) return artifact.name end), ", ")
      step:fail(("%s has no %s; it has %s."):format(whose, table.concat(names, ", "), all == "" and "nothing" or all))
    end
    for _, artifact in ipairs(wanted) do
      local fetched, why = pcall(step.fetch_artifact, step, {
        id = artifact.id,
        workerdest = ci.path.join(step.workdir, o.workerdest or "", artifact.name),
        mode = o.mode,
      })
      if not fetched then step:fail(tostring(why)) end
    end
    local count = #wanted == 1 and "1 file" or ("%d files"):format(#wanted)
    step:set_summary(("fetched %s of #%d"):format(count, wanted[1].build))
  end,
}
