local ci = require "ci"
local c = ci.config()
c.www = { my-port = 8012 }
return c
