local ci = require "ci"
local c = ci.config()
local PORT <const> = 8012
PORT = 8013
return c
