local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.workers = { ci.worker { name = "w", password = "correct", notify_on_missing = "admin", missing_timeout = -1 } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
return c
