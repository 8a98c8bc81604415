local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = ci.property "x", password = "p" } }
return c
