local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
local steps = {
  ci.steps.shell { name = "", command = "make" },
  ci.steps.shell { name = "  ", command = "make" },
  ci.steps.shell { name = "two\nlines", command = "make" },
  ci.steps.shell { name = { "a" }, command = "make" },
  ci.steps.shell { name = "same", command = "make" },
  ci.steps.shell { name = "same", command = "make" },
  ci.steps.shell { name = function(build) return build.nunber end, command = "make" },
}
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = steps } }
return c
