-- Runs the tests of a Perl module with `prove`, and reads what they say.

local ci = require "ci"
local retests = require "ci.retests"

return ci.step_type {
  name = "perl_module_test",
  options = {
    command = "(string|scalar[])?", -- default prove --lib lib --recurse --verbose t
    retry_command = "function?", -- function(names) → the command that runs these tests again
  },
  defaults = { test_results = "tap", description = "testing" },
  check = retests.check,
  run = function(step, o)
    local command = o.command or { "prove", "--lib", "lib", "--recurse", "--verbose", "t" }
    return step:run({ command = command, retry_command = o.retry_command }).results
  end,
}
