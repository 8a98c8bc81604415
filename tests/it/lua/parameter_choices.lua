local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" }, properties = {
  ci.parameters.choice { name = "a" },
  ci.parameters.choice { name = "b", choices = { "x", "x" } },
  ci.parameters.choice { name = "c", choices = { "x", "y" }, default = "z" },
  ci.parameters.choice { name = "d", choices = { "x" }, multiple = true, default = { "q" } },
  ci.parameters.choices { name = "e" },
} } }
return c
