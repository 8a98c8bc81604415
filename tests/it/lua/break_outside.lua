local ci = require "ci"
local c = ci.config()
break
return c
