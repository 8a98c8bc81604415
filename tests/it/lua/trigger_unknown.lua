local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local packages = ci.schedulers.triggerable { name = "packages", builders = { "child" } }
local forgotten = ci.schedulers.triggerable { name = "forgotten", builders = { "child" } }
c.builders = {
  ci.builder {
    name = "parent", workers = { "w" },
    factory = {
      ci.steps.trigger { schedulers = { packages, "packagse" } },
      ci.steps.trigger { schedulers = { forgotten }, unimportant_schedulers = function() return { "none" } end },
    },
  },
  ci.builder { name = "child", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } },
}
c.schedulers = { packages, ci.schedulers.force { name = "force", builders = { "parent" } } }
return c
