local ci = require "ci"
local c = ci.config()
ci.config() = c
return c
