local ci = require "ci"
local c = ci.config()
local name = "linux"
if name = "linux" then c.title = name end
return c
