local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = ci.interpolate "make %(prop:builddr)s %(src:x)s %(worker:nme)s %(kw:jobs)s %(secret:key)s %(foo:bar)s" } } } }
return c
