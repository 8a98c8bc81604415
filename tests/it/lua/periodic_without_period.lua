local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = {
  ci.schedulers.periodic { name = "a", builders = { "linux" } },
  ci.schedulers.periodic { name = "b", builders = { "linux" }, period = 0 },
  ci.schedulers.periodic { name = "c", builders = { "linux" }, periodicBuildTimer = 60 },
  ci.schedulers.periodic { name = "d", builders = { "linux" }, period = 60, only_important = true },
}
return c
