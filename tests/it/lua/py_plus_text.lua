local ci = require "ci"
local c = ci.config()
local host = "example.org"
c.title = "Builds of " + host
return c
