local ci = require "ci"
local c = ci.config()
local f = ci.factory()
f.add(ci.steps.shell { command = "make" })
return c
