local ci = require "ci"
local c = ci.config()
--[[ Everything below is left out
c.title = "x"
return c
