local ci = require "ci"
local c = ci.config()
local os = "linux"
if os != "windows" then c.title = os end
return c
