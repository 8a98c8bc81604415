-- Steps at the same time, steps that are added, steps that are tried again.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "password-of-w" } }
local list = ci.step_type {
  name = "list",
  run = function(step)
    for _, name in ipairs(ci.text.words(step:run { command = "list", collect = true }.stdout)) do
      step:add_steps_after_current_step { ci.steps.shell { name = "make " .. name, command = { "make", name } } }
    end
  end,
}
c.builders = { ci.builder { name = "b", workers = "w", factory = {
  list {},
  ci.step_group { name = "Test", parallel = true, steps = {
    ci.steps.shell { name = "unit", command = "unit" },
    ci.steps.shell { name = "lint", command = "lint", retry = { max = 2 } },
  } },
  ci.steps.shell { name = "end", command = "end", do_step_if = false },
} } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
return c
