local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = {
  ci.schedulers.nightly { name = "a", builders = { "linux" }, day_of_week = 7 },
  ci.schedulers.nightly { name = "b", builders = { "linux" }, day_of_week = "1-5" },
  ci.schedulers.nightly { name = "c", builders = { "linux" }, day_of_week = "1#1" },
  ci.schedulers.nightly { name = "d", builders = { "linux" }, day_of_week = "fri#6" },
}
return c
