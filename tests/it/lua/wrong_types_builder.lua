local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.builders = {
  ci.builder { name = "linux", workers = { 7 }, factory = "make", tags = { 1 }, properties = "x", env = { "A=b" }, locks = {}, description = 5 },
  ci.builder { name = "mac", workers = "w", factory = { "make", 5 }, workdir = {}, collapse_requests = "no" },
  ci.builder { "win" },
}
return c
