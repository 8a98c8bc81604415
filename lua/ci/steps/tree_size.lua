-- Measures the working directory with `du` and sets the property `tree-size-KiB`.

local ci = require "ci"

return ci.step_type {
  name = "tree_size",
  options = {},
  defaults = { description = "measuring tree size" },
  run = function(step)
    local ran = step:run { command = { "du", "-s", "-k", "." }, collect = true }
    if ran.results ~= "success" then return ran.results end
    local size = ran.stdout:match "^(%d+)"
    if not size then
      step:set_summary "tree size unknown"
      return "warnings"
    end
    step:set_property("tree-size-KiB", tonumber(size), "treesize")
    step:set_summary(("treesize %s KiB"):format(size))
  end,
}
