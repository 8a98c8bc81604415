local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.titl = "x"
c.www = { prt = 8012, authz = ci.authz { role = {} }, change_hooks = { githb = ci.hooks.github { secret = "correct" } } }
c.limits = { cpu = 1 }
c.protocols = { prt = 9990 }
c.db = { uri = "sqlite:///state.sqlite" }
c.janitor = { hour = 3, log_horizons = 86400 }
c.validation = { branches = "." }
c.workers = { ci.worker { name = "w", password = "correct", maxbuilds = 3 } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make }, workerdir = "x" } }
c.schedulers = {
  ci.schedulers.force { name = "force", builders = { "linux" }, button = "go" },
  ci.schedulers.single_branch { name = "a", builders = { "linux" }, timer = 3, change_filter = { repo = "x" } },
  ci.schedulers.any_branch { name = "b", builders = { "linux" }, codebases = { halide = { repo = "x" } } },
  ci.schedulers.dependent { name = "c", builders = { "linux" }, upstream = "a", change_filter = {} },
  ci.schedulers.periodic { name = "d", builders = { "linux" }, period = 60, periodic_timer = 60 },
  ci.schedulers.nightly { name = "e", builders = { "linux" }, hours = 3 },
}
c.reporters = {
  ci.reporters.github_status { token = "correct", contxt = "x" },
}
return c
