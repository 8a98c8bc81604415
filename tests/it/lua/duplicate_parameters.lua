local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" }, properties = {
  ci.parameters.string { name = "target" },
  ci.parameters.boolean { name = "target" },
  ci.parameters.nested { name = "", fields = { ci.parameters.int { name = "jobs" }, ci.parameters.int { name = "jobs" } } },
  ci.parameters.string { name = "reason" },
} } }
return c
