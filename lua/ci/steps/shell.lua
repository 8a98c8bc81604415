-- Runs a command; its exit code is the result.

local ci = require "ci"

return ci.step_type {
  name = "shell",
  options = {
    command = "string|scalar[]", -- text for the worker's shell, or a program and its arguments
  },
  run = function(step, o) return step:run { command = o.command }.results end,
}
