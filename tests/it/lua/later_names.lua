local ci = require "ci"
local c = ci.config()
c.change_sources = {}
local n = ci.schedulers.nightly { name = "n", hour = 3 }
return c
