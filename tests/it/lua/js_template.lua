local ci = require "ci"
local c = ci.config()
c.title = `Builds of ${host}`
return c
