local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.workers = { ci.worker { name = "w", password = "a" },
              ci.worker { name = "w", password = "b" } }
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    factory = { ci.steps.shell { command = "true" } },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } }, }
return c
