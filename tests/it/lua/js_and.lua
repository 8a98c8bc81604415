local ci = require "ci"
local c = ci.config()
local a, b = 1, 2
if a && b then c.title = "x" end
return c
