local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker("w", "correct") }
return c
