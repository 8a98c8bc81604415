local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = {
  ci.schedulers.nightly { name = "a", builders = { "linux" }, timezone = "Europe/Berlln" },
  ci.schedulers.nightly { name = "b", builders = { "linux" }, force_at_hour = 3 },
  ci.schedulers.nightly { name = "c", builders = { "linux" }, dayOfWeek = 3 },
}
return c
