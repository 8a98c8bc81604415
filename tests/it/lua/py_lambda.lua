local ci = require "ci"
local c = ci.config()
c.prioritize_builders = lambda builders: builders
return c
