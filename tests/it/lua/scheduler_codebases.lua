local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = {
  ci.schedulers.any_branch { name = "a", builders = { "linux" }, codebases = { "x", "x" } },
  ci.schedulers.any_branch { name = "b", builders = { "linux" }, codebases = { x = { repo = "r" } } },
  ci.schedulers.any_branch { name = "c", builders = { "linux" }, codebases = { x = "main" } },
  ci.schedulers.any_branch { name = "d", builders = { "linux" }, codebases = 5 },
}
return c
