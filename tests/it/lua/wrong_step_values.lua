local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    factory = { ci.steps.shell { command = 7, env = { "A" }, timeout = "long" },
    ci.steps.git { repo = "r", mode = "ful" },
    ci.steps.git { repo = "r", method = "clean" },
    ci.steps.file_upload { workersrc = "a", masterdest = "b", mode = 644 } },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } }, }
return c
