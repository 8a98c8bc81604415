local ci = require "ci"
local c = ci.config()
c.workers = require "parts.loop_a"
return c
