local ci = require "ci"
local c = ci.config()
c.title = None
return c
