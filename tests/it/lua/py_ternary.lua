local ci = require "ci"
local c = ci.config()
local os = "linux"
c.title = "a" if os == "linux" else "b"
return c
