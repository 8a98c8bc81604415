local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local f = ci.factory()
f:add(ci.steps.shell { command = "x" })
c.builders = { ci.builder { name = "b", workers = "w", factory = f } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
f.workdir = "src"
return c
