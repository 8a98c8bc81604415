local ci = require "ci"
local c = ci.config()
for name in ["a", "b"]:
    c.title = name
return c
