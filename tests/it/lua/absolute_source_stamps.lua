local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "p" } }
c.builders = { ci.builder { name = "b", workers = { "w" }, factory = {} } }
c.schedulers = {
  ci.schedulers.any_branch { name = "one", builders = { "b" }, create_absolute_source_stamps = true },
  ci.schedulers.nightly { name = "two", builders = { "b" }, codebases = { "x" }, create_absolute_source_stamps = true },
}
return c
