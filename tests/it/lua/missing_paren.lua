local ci = require "ci"
local c = ci.config()
c.title = tostring(math.max(1, 2)
c.www = { port = 8012 }
return c
