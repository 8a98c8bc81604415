local ci = require "ci"
local c = ci.config()
c.workers = { ci.steps.shell { command = "x" }, "w" }
c.builders = ci.worker { name = "w", password = "p" }
return c
