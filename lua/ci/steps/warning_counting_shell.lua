-- Runs a command and counts the warnings that it prints.

local ci = require "ci"
local warnings = require "ci.warnings"

return ci.step_type {
  name = "warning_counting_shell",
  options = warnings.options,
  check = warnings.check,
  run = function(step, o) return warnings.run(step, o, o.command) end,
}
