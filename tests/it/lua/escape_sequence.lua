local ci = require "ci"
local c = ci.config()
c.title = "C:\projects\halide"
return c
