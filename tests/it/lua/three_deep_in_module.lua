local ci = require "ci"
local farm = require "parts.farm"
local c = ci.config()
c.workers = farm.workers { "linux-1", "linux-2" }
return c
