local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = {
  ci.schedulers.force { name = "a", builders = { "linux" }, codebases = { "x", "x", 5 } },
  ci.schedulers.force { name = "b", builders = { "linux" }, reason = ci.parameters.int { name = "r" } },
  ci.schedulers.force { name = "c", builders = { "linux" }, username = "me" },
  ci.schedulers.force { name = "d", builders = { "linux" }, reason_string = "%(why)s" },
  ci.schedulers.force { name = "e", builders = { "linux" }, properties = { "x" }, codebases = {
    ci.parameters.codebase { codebase = "y", branch = 7, revision = ci.parameters.nested { fields = {} } } } },
  ci.schedulers.force { name = "f", builders = { "linux" }, buttonName = "Go" },
}
return c
