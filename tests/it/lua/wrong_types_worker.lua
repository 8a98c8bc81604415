local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.workers = {
  ci.worker { name = 7, password = "correct" },
  ci.worker { name = "w", password = 12345, max_builds = 0, properties = { "os" }, locks = "cpu", keepalive_interval = "60" },
  ci.worker "w2",
  ci.worker { name = "", password = "" },
}
return c
