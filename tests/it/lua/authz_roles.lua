local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.www = { authz = ci.authz {
  allow = { force = "admin", stop = { "owner", "admins" }, rebuild = { role = "devs", builders = { "linus", "lin*" } },
            cancel = { builders = { "linux" } }, reload = { role = "admins", builder = "linux" }, scheduler = 5 },
  roles = { admins = { "root" }, owner = { "me" }, devs = { emails = { "bob" }, domains = { "@x.org" }, teams = {} } },
} }
return c
