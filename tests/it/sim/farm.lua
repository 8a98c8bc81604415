-- The farm of the stories: two workers, one builder of three steps, a scheduler for pushes, one
-- for pull requests, and one for people.
local ci = require "ci"
local c = ci.config()
c.url = "https://ci.example.org/"
c.workers = {
  ci.worker { name = "w1", password = "secret-of-w1", max_builds = 2 },
  ci.worker { name = "w2", password = "secret-of-w2", max_builds = 2 },
}
local f = ci.factory()
f:add(ci.steps.shell { name = "Build", command = { "make" }, halt_on_failure = true })
f:add(ci.steps.shell { name = "Test", command = { "make", "test" } })
f:add(ci.steps.shell { name = "Clean", command = { "make", "clean" }, always_run = true, flunk_on_failure = false })
c.builders = {
  ci.builder { name = "linux", workers = { "w1", "w2" }, factory = f },
}
c.schedulers = {
  ci.schedulers.any_branch { name = "main", builders = { "linux" }, change_filter = { branch = "main" } },
  ci.schedulers.any_branch { name = "pulls", builders = { "linux" }, change_filter = { category = "pull" },
                             tree_stable_timer = 300 },
  ci.schedulers.force { name = "force", builders = { "linux" } },
}
c.www = { port = 0, change_hooks = { github = ci.hooks.github { secret = "secret-of-the-hook" } } }
c.reporters = {
  ci.reporters.github_status { token = "token-of-github", context = ci.interpolate "ci/%(prop:buildername)s" },
}
return c
