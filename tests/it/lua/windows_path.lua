local ci = require "ci"
local c = ci.config()
c.title = "C:\users"
return c
