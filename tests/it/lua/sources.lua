local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.change_sources = { ci.change_sources.git_poller { name = "origin", repo = "https://example.org/x.git" } }
c.www = {
  change_hook_auth = {},
  change_hooks = {
    base = ci.hooks.base { codebase = "x", on_event = "print" },
    github = ci.hooks.github { secret = "s", reconcile = 5 },
    poller = ci.hooks.poller { secret = "s", allowed = { "origins", "origin" } },
  },
}
return c
