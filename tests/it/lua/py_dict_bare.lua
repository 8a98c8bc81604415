local ci = require "ci"
local c = ci.config()
c.protocols = { port: 9990 }
return c
