local ci = require "ci"
local c = ci.config()
# The title
c.title = "x"
return c
