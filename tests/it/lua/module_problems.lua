local ci = require "ci"
local c = ci.config()
c.workers = require "parts.typos"
c.titel = "x"
return c
