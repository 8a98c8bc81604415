local ci = require "ci"
local c = ci.config()
c.title = 7
c.protocols = { port = true }
c.workers = {
  ci.worker {
    name = "w",
    password = { "pw" },
    max_builds = "four",
  },
}
return c
