local ci = require "ci"
local c = ci.config()
const port = 8012
return c
