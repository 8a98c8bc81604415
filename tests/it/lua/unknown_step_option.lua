local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    factory = { ci.steps.shell {
      name = "Test",
      command = "ctest",
      halt_on_falure = true,
    } },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } }, }
return c
