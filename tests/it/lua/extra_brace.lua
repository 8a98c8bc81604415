local ci = require "ci"
local c = ci.config()
c.www = { port = 8012 } }
return c
