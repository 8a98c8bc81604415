local ci = require "ci"
local c = ci.config()
local a = 1
c.title = a ? "x" : "y"
return c
