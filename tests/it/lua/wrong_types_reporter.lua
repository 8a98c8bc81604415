local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.reporters = {
  ci.reporters.github_status { token = 5, context = {}, start = 3, generators = "all", verbose = "yes" },
  ci.reporters.mail { fromaddr = "me" },
  "github",
}
return c
