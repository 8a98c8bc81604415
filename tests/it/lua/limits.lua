local ci = require "ci"
local c = ci.config()
c.limits = { cpu_seconds = 0, memory_bytes = 10, memory = 1 }
c.db = { url = "postgres://me:pass@host/db" }
return c
