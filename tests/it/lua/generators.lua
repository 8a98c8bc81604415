local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.reporters = { ci.reporters.http { url = "https://x", generators = {
  ci.generators.build_status { mode = { "failing", "worse" }, builders = { "linus" } },
  ci.generators.build_start_end { start_formatter = ci.formatters.missing_worker {} },
  ci.generators.worker_missing { workers = { "v" } },
  ci.formatters.message { template = "%(prop:x", subject = {}, template_type = "md" },
  "all",
} } }
return c
