local ci = require "ci"
local c = ci.config()
table.insert(c.workers, ci.worker { name = "w", password = "correct" })
return c
