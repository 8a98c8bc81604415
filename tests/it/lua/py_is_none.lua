local ci = require "ci"
local c = ci.config()
local os
if os is None then c.title = "x" end
return c
