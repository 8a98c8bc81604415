local ci = require "ci"
local c = ci.config()
c.title = tostring(1))
return c
