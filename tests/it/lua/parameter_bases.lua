local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" }, properties = {
  ci.parameters.string { label = "no name" },
  ci.parameters.string { name = "a", regex = "(", max_size = 0 },
  ci.parameters.string { name = "b", default = 5, required = "yes" },
  ci.parameters.int { name = "c", default = "5" },
  ci.parameters.boolean { name = "d", default = "true" },
  ci.parameters.text { name = "e", cols = 0, width = 80 },
  ci.parameters.string { name = "f", multiple = true },
  ci.parameters.string { name = "g", maxsize = 10 },
} } }
return c
