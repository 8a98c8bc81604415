local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
local forgotten = ci.worker { name = "x", password = "correct", max_build = 3 }
local b = ci.builder { name = "never", worker = { "w" }, factory = {} }
return c
