-- Runs a command; its exit code is the result.

local ci = require "ci"
local retests = require "ci.retests"

return ci.step_type {
  name = "shell",
  options = {
    command = "string|scalar[]", -- text for the worker's shell, or a program and its arguments
    retry_command = "function?", -- function(names) → the command that runs these tests again
  },
  check = retests.check,
  run = function(step, o) return step:run({ command = o.command, retry_command = o.retry_command }).results end,
}
