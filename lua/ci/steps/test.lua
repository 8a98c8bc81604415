-- Runs a project's tests: `make test`, or what is said.

local ci = require "ci"
local retests = require "ci.retests"

return ci.step_type {
  name = "test",
  options = {
    command = "(string|scalar[])?", -- default make test
    retry_command = "function?", -- function(names) → the command that runs these tests again
  },
  defaults = { description = "testing" },
  check = retests.check,
  run = function(step, o)
    return step:run({ command = o.command or { "make", "test" }, retry_command = o.retry_command }).results
  end,
}
