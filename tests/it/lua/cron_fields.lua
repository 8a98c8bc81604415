local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = {
  ci.schedulers.nightly { name = "a", builders = { "linux" }, minute = 60 },
  ci.schedulers.nightly { name = "b", builders = { "linux" }, hour = "8-25", day_of_month = 0 },
  ci.schedulers.nightly { name = "c", builders = { "linux" }, month = { "jan", "juli" } },
  ci.schedulers.nightly { name = "d", builders = { "linux" }, hour = 3.5, minute = "*/0" },
  ci.schedulers.nightly { name = "e", builders = { "linux" }, hour = {} },
}
return c
