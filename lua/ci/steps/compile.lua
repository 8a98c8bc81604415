-- Builds a project, `make all` if nothing else is said, and counts the warnings that the build prints.

local ci = require "ci"
local warnings = require "ci.warnings"

local options = { command = "(string|scalar[])?" }
for name, shape in pairs(warnings.options) do options[name] = options[name] or shape end

return ci.step_type {
  name = "compile",
  options = options,
  defaults = { halt_on_failure = true, description = "compiling", description_done = "compile" },
  check = warnings.check,
  run = function(step, o) return warnings.run(step, o, o.command or { "make", "all" }) end,
}
