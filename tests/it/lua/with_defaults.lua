local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local s = ci.with_defaults(ci.steps, { halt_on_failur = true })
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    factory = { ci.steps.shell { command = "true" } },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } }, }
return c
