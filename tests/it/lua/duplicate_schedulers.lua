local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.schedulers = {
  ci.schedulers.force { name = "force", builders = { "linux" } },
  ci.schedulers.nightly { name = "night", builders = { "linux" }, hour = 3 },
  ci.schedulers.periodic { name = "night", builders = { "linux" }, period = 60 },
  ci.schedulers.triggerable { name = "force", builders = { "linux" } },
}
return c
