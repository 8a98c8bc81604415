local ci = require "ci"
local c = ci.config()
local silent = require "parts.silent"
c.title = silent
c.builders = silent
c.workers = { silent }
c.www = { port = silent }
return c
