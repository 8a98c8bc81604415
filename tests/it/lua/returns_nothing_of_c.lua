local ci = require "ci"
local c = ci.config()
return c.workers
