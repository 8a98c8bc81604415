local ci = require "ci"
local c = ci.config()
c.title = "x"
return { c }
