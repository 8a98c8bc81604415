local ci = require "ci"
local c = ci.config()
local cpu = ci.worker_lock { name = "cpu" }
c.workers = { ci.worker { name = "w", password = "correct", locks = { cpu.access "counting" } } }
return c
