local ci = require "ci"
local c = ci.config()
c.title = "Grüße"
return c
