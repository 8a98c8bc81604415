-- A secret of a provider is known to steps; what the master itself needs is read from a file.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = ci.secret "worker" } }
c.builders = { ci.builder { name = "b", workers = "w", factory = {} } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
c.reporters = { ci.reporters.github_status { token = ci.interpolate "%(secret:github)s" } }
return c
