local ci = require "ci"
local c = ci.config()
c.www = { end = 5, repeat = 3 }
return c
