local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local LOCK = ci.worker_lock { name = "l" }
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    locks = { LOCK:access "countng" },
    factory = { ci.steps.shell { command = "true" } },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } }, }
return c
