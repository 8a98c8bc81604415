local ci = require "ci"
local c = ci.config()
c.title = titel
return c
