local ci = require "ci"
local c = ci.config()
local p = ci.property "got_revision"
local x = p.halide
return c
