local ci = require "ci"
local c = ci.config()
c.log_max_tail_size = 1000
c.janitor = { log_horizon = 28 * 24 * 3600, hour = 3, day_of_week = "sun" }
c.log_encoding = "cp1252"
c.workers = { ci.worker { name = "w", password = "pw" } }
local f = ci.factory()
f:add(ci.steps.shell { command = "x" })
c.builders = { ci.builder { name = "b", workers = "w", factory = f } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
return c
