-- Groups of steps.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local unit = ci.steps.shell { name = "unit", command = "unit" }
local inner = ci.step_group { name = "inner", steps = { unit } }
local steps = {
  ci.step_group { steps = { unit } },
  ci.step_group { name = "none" },
  ci.step_group { name = "wrong", parallel = "yes", steps = { unit, "lint", ci.steps.shell } },
  ci.step_group { name = "deep", parallel = true, steps = { inner } },
  ci.step_group { name = "locks", locks = {}, steps = { unit }, halt_on_failure = 1 },
  ci.step_group { name = "fine", steps = { inner, { unit, false } }, always_run = true },
}
c.builders = { ci.builder { name = "b", workers = "w", factory = steps } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
local unused = ci.step_group { name = "unused", steps = { 7 } }
return c
