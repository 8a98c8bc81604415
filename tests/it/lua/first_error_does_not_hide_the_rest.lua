local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w" } }
local s = ci.steps.shell { comand = "x" }
nothing.here = 1
