local ci = require "ci"
local c = ci.config()
local port = 8000
port += 12
return c
