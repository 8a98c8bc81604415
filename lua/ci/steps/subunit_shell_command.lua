-- Runs a command that reports its tests as subunit.

local ci = require "ci"
local retests = require "ci.retests"

return ci.step_type {
  name = "subunit_shell_command",
  options = {
    command = "string|scalar[]",
    failure_on_no_tests = "boolean?",
    retry_command = "function?", -- function(names) → the command that runs these tests again
  },
  defaults = { test_results = "subunit", description = "testing" },
  check = retests.check,
  run = function(step, o)
    local ran = step:run { command = o.command, retry_command = o.retry_command }
    local none = not ran.tests or ran.tests.total + ran.tests.skipped == 0
    if none and o.failure_on_no_tests then step:fail "no tests were reported" end
    return ran.results
  end,
}
