local ci = require "ci"
local c = ci.config()
c.title = "x"   # shown at the top
return c
