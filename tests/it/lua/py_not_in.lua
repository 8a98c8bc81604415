local ci = require "ci"
local c = ci.config()
local names = { "a" }
if "b" not in names then c.title = "x" end
return c
