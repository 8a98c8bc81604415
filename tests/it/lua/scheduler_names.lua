local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = {
  ci.schedulers.force { name = "a", builders = { "linux" } },
  ci.schedulers.nightly { name = "a", builders = {} },
  ci.schedulers.periodic { name = "b", builders = { "linux", "linus" }, period = 5 },
  ci.schedulers.any_branch { name = "c", builders = { "linux" }, priority = "high" },
  ci.schedulers.any_branch { name = "d", builders = { "linux" }, priority = 1e9 },
}
return c
