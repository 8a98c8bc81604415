local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "worker-l", password = "pw" } }
c.builders = {
  ci.builder {
    name = "b", workers = {
      "w",
      "worker-1",
    },
    factory = { ci.steps.shell { command = "true" } },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } }, }
return c
