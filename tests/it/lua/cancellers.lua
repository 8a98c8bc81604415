local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.cancellers = {
  ci.cancellers.old_builds { name = "a" },
  ci.cancellers.old_builds { name = "b", filters = { { builder = "linux" } }, branch_key = "branch" },
  ci.cancellers.failing_buildsets { filters = { "linux" } },
  ci.schedulers.force { name = "g", builders = { "linux" } },
}
return c
