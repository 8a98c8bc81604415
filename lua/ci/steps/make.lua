-- Runs make.

local ci = require "ci"

return ci.step_type {
  name = "make",
  options = {
    targets = "(string|string[])?", -- default: the makefile's own
    variables = "map?", -- NAME = value, for the command line
    jobs = "integer?",
    directory = "string?", -- `make -C`
    file = "string?",
    options = "scalar[]?",
    make = "string?", -- such as "gmake"
  },
  defaults = { halt_on_failure = true, description = "building", description_done = "build" },
  run = function(step, o)
    local variables = {}
    for name, value in pairs(o.variables or {}) do variables[#variables + 1] = name .. "=" .. tostring(value) end
    local command = {
      o.make or "make",
      o.directory and { "-C", o.directory },
      o.file and { "-f", o.file },
      o.jobs and { "-j", o.jobs },
      o.options,
      variables,
      o.targets,
    }
    return step:run({ command = command }).results
  end,
}
