local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.change_sources = {
  ci.change_sources.github_pull_request_poller { owner = "halide" },
  ci.change_sources.github_pull_request_poller { owner = "h", repo = "H", repository_type = "htps", api = "github.com" },
  ci.change_sources.gerrit { server = "s", port = 99999 },
  ci.change_sources.pb { user = "u" },
  "git",
}
return c
