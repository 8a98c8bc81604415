local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
local one = ci.worker_lock { name = "cpu" }
local two = ci.worker_lock { name = "cpu", max_count = 2 }
local three = ci.master_lock { name = "cpu" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make }, locks = { one:access "counting", two:access "counting", three:access "counting" } } }
return c
