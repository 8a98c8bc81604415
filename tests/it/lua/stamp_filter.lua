local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
local filter = ci.source_stamp_filter { category = "x", branch_re = "[" }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.cancellers = { ci.cancellers.old_builds { name = "o", filters = { { builders = { "linus" }, filter = filter } } } }
return c
