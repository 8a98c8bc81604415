local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = ci.secret_file "nowhere.txt" } }
return c
