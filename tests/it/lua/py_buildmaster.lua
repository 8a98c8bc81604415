local ci = require "ci"
local c = ci.config()
c["workers"] = { ci.worker { name = "w", password = "correct" } }
c["buildbotURL"] = "http://localhost/"
c["title"] = "x"
c["www"] = dict { port = 8010 }
return c
