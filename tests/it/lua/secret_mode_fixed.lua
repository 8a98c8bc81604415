-- The mode of a file below /proc is as it is, also for root.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = ci.secret_file "/proc/self/comm" } }
return c
