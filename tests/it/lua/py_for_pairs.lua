local ci = require "ci"
local c = ci.config()
local names = { "a", "b" }
for name in names do c.title = name end
return c
