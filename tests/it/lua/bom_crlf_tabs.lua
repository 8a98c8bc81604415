local ci = require "ci"
local c = ci.config()
		c.titel = "x"
return c
