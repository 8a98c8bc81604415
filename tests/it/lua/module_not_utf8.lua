local ci = require "ci"
local c = ci.config()
c.title = require "parts.latin1"
return c
