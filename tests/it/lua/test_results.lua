-- What steps say of the tests that their commands report.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local function step(tests) return ci.steps.shell { command = "x", test_results = tests } end
c.builders = { ci.builder { name = "b", workers = "w", factory = {
  step "junits:x.xml",
  step "junit",
  step "junit:",
  step(7),
  step { format = "tap", path = "x" },
  step { paths = { "x" } },
  step { format = "tap", paths = { 7 } },
  step { format = "tap", fail_on_failed_tests = "yes" },
  ci.steps.shell { command = "x", test_results = "tap", retry_failed_tests = 11 },
  ci.steps.shell { command = "x", test_results = "tap", retry_failed_tests = { at_most = 3 } },
  ci.steps.shell { command = "x", test_results = "tap", retry_failed_tests = 1 },
  ci.steps.shell { command = "x", retry_failed_tests = 1, retry_command = function() end },
  ci.steps.pytest { retry_failed_tests = 1 },
  ci.steps.cargo { command = "test", retry_failed_tests = { max = 1 } },
  ci.steps.make { retry_failed_test = 1 },
  ci.steps.ctest { junit = "r.xml", retry_failed_tests = 3 },
  step { format = "junit", paths = { "a/*.xml" } }, step "tap", step "ctest:Testing/*/Test.xml", step(ci.property "x"),
} } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
return c
