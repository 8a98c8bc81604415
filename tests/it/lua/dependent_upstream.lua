local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
local unused = ci.schedulers.force { name = "unused", builders = { "linux" } }
c.schedulers = {
  ci.schedulers.force { name = "force", builders = { "linux" } },
  ci.schedulers.dependent { name = "a", builders = { "linux" } },
  ci.schedulers.dependent { name = "b", builders = { "linux" }, upstream = "forse" },
  ci.schedulers.dependent { name = "c", builders = { "linux" }, upstream = unused },
  ci.schedulers.dependent { name = "d", builders = { "linux" }, upstream = { "force", "a" } },
  ci.schedulers.dependent { name = "e", builders = { "linux" }, upstream = c.builders[1] },
}
return c
