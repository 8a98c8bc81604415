local ci = require "ci"
local c = ci.config()
return ci.worker { name = "w", password = "correct" }
