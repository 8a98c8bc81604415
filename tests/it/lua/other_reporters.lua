local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.reporters = {
  ci.reporters.http { url = "example.org" },
  ci.reporters.irc { host = "h", nick = "n", notify_events = { "failing" } },
  ci.reporters.gerrit_status { server = "s", username = "u", notify = "all" },
  ci.reporters.bitbucket_status {},
  ci.reporters.github_status { token = "correct", builders = { "linus" }, schedulers = { "g" }, tags = 5 },
}
return c
