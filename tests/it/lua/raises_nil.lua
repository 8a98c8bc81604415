local ci = require "ci"
local c = ci.config()
error()
return c
