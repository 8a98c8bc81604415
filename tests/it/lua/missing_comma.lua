local ci = require "ci"
local c = ci.config()
c.workers = {
  ci.worker {
    name = "w"
    password = "correct",
  },
}
return c
