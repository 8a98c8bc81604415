-- The configuration of a halide-ci master. It is a program that returns a table.
-- Check it:  halide-ci checkconfig DIR      Load it into a running master:  halide-ci reload DIR
local ci = require "ci"

local c = ci.config()

c.title = "My project"
c.url = "http://localhost:8012/"        -- where people reach the web page; ends in a slash
c.protocols = { port = 9990 }           -- where workers connect

-- The machines that build. Each worker starts with this name and this secret.
c.workers = {
  ci.worker { name = "worker-1", password = ci.secret_file "halide_bb_pass.txt", max_builds = 1 },
}

-- What a build does, step after step.
local hello = ci.factory()
hello:add(ci.steps.git {
  name = "Get source",
  repo = "https://github.com/octocat/Hello-World.git",
  branch = "master",
  mode = "incremental",
  halt_on_failure = true,
})
hello:add(ci.steps.shell { name = "Test", command = { "grep", "Hello", "README" } })

c.builders = {
  ci.builder { name = "hello", workers = { "worker-1" }, factory = hello },
}

-- What starts builds: changes from the hook below, and people on the web page.
c.schedulers = {
  ci.schedulers.any_branch { name = "changes", tree_stable_timer = 10, builders = { "hello" } },
  ci.schedulers.force { name = "force", builders = { "hello" } },
}

-- The web page. Everybody may read; admin (password in buildbot_www_pass.txt) may do the rest.
-- GitHub's webhook: URL c.url .. "change_hook/github", content type application/json,
-- secret from webhook_token.txt, events "pushes" and "pull requests".
c.www = {
  port = 8012,
  auth = ci.auth.user_password { admin = ci.secret_file "buildbot_www_pass.txt" },
  authz = ci.authz { allow = { control = "admins" }, roles = { admins = { "admin" } } },
  change_hooks = {
    github = ci.hooks.github { secret = ci.secret_file "webhook_token.txt" },
  },
}

-- Commit statuses on GitHub: write a token that may set them to github_token.txt, then uncomment.
-- c.reporters = {
--   ci.reporters.github_status { token = ci.secret_file "github_token.txt" },
-- }

return c
