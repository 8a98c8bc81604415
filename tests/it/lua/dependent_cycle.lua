local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = {
  ci.schedulers.force { name = "f", builders = { "linux" } },
  ci.schedulers.dependent { name = "a", builders = { "linux" }, upstream = "c" },
  ci.schedulers.dependent { name = "b", builders = { "linux" }, upstream = "a" },
  ci.schedulers.dependent { name = "c", builders = { "linux" }, upstream = "b" },
  ci.schedulers.dependent { name = "d", builders = { "linux" }, upstream = "d" },
}
return c
