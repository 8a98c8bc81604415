local ci = require "ci"
local c = ci.config()
local host = "example.org"
c.title = f"Builds of {host}"
return c
