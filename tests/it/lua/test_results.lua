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
  step { format = "junit", paths = { "a/*.xml" } }, step "tap", step "ctest:Testing/*/Test.xml", step(ci.property "x"),
} } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
return c
