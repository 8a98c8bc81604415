local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.www = { change_hooks = {
  gitlab = { skips = { "(" }, on_pull_request = print },
  gitea = ci.hooks.gitea { secret = "s", api = "gitea.example" },
  poller = true,
  base = { codebase = 5 },
  bitbuket = {},
} }
return c
