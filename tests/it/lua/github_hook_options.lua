local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.www = { change_hooks = { github = ci.hooks.github {
  secret = "s", strict = true, github_api_endpoint = "https://x", commands = "yes", skips = { "[" }, on_push = "x",
} } }
return c
