local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" }, properties = {
  ci.parameters.nested { name = "a" },
  ci.parameters.nested { name = "b", layout = "tab", columns = 5, fields = { ci.parameters.string { name = "x" } } },
  ci.parameters.nested { name = "c", fields = { "x", ci.steps.shell { command = "x" } } },
  ci.parameters.fixed { name = "d" },
  ci.parameters.codebase { codebase = "e" },
  ci.parameters.string { name = "twice" },
  ci.parameters.nested { fields = { ci.parameters.int { name = "twice" } } },
} } }
return c
