local ci = require "ci"
local c = ci.config()
c.title = [[Halide
return c
