local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    factory = { ci.steps.shell { command = "true" } },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } },
  ci.schedulers.any_branch {
    name = "a", builders = { "b" },
    change_filter = { branch_re = { "^main$", "release/(" } },
  }, }
return c
