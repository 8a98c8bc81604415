local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker {} }
c.reporters = { ci.reporters.github_status {} }
return c
