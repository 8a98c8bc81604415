local ci = require "ci"
local c = ci.config()
c.prioritize_builders = (builders) => builders
return c
