local ci = require "ci"
local c = ci.config()
c.title = 
  "x"
c.workers = { ci.worker { name = "w"
return c
