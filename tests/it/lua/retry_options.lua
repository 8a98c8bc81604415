-- How often a step is tried.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local steps = {
  ci.steps.shell { command = "x", retry = 3 },
  ci.steps.shell { command = "x", retry = { delay = 5 } },
  ci.steps.shell { command = "x", retry = { max = 1, delay = -1 } },
  ci.steps.shell { command = "x", retry = { max = 2, on = { "failed", "success" } } },
  ci.steps.shell { command = "x", retry = { max = 2, on = "always", when = 3 } },
  ci.steps.shell { command = "x", retry = { max = 2, on = { "failure", "retry" }, delay = 0.5 } },
}
c.builders = { ci.builder { name = "b", workers = "w", factory = steps } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
return c
