local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.builders = { ci.builder { name = "linux", workers = { "w", "linux-2" }, factory = { make } } }
c.schedulers = {
  ci.schedulers.force { name = "force", builders = { "linux", "lunix" } },
  ci.schedulers.dependent { name = "after", builders = { "linux" }, upstream = "forc" },
}
c.reporters = { ci.reporters.github_status { token = "correct" } }
c.www = { authz = ci.authz { allow = { force = { role = "admins", builders = { "max" } } }, roles = { admins = { "me" } } } }
return c
