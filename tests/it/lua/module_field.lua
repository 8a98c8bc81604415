local ci = require "ci"
local farm = require "parts.farm"
local c = ci.config()
c.workers = farm.worker { "linux-1" }
return c
