local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local mine = ci.step_type {
  name = "mine",
  options = { jobs = "integr?", name = "string", label = "string" },
  run = "x",
}
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    factory = { mine { label = 3, job = 4 } },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } }, }
return c
