-- The configuration of `halide-ci demo`: one worker, one builder, a webhook. Copy it to begin.
local ci = require "ci"
local c = ci.config()

c.title     = "Demo"
c.protocols = { port = 0, interface = "127.0.0.1" }        -- 0: any free port

c.workers = { ci.worker { name = "demo-worker", password = ci.secret_file "worker_secret.txt" } }

local step = ci.steps
c.builders = {
  ci.builder {
    name = "hello", workers = { "demo-worker" }, tags = { "demo" },
    factory = {
      step.git   { name = "Get source", repo = ci.config_dir .. "/hello.git", branch = "main" },
      step.shell { name = "Compile", command = { "cc", "-Wall", "-o", "hello", "hello.c" }, halt_on_failure = true },
      step.shell { name = "Test", command = "./hello | tee out.txt && grep -q 'Hello' out.txt" },
      step.shell { name = "Show what was built", command = { "ls", "-l" } },
    },
  },
}

c.schedulers = {
  ci.schedulers.any_branch { name = "pushes", builders = { "hello" }, change_filter = { branch = "main" } },
  ci.schedulers.force      { name = "force",  builders = { "hello" } },
}

c.www = {
  port = 0, interface = "127.0.0.1",
  auth  = ci.auth.user_password { demo = ci.secret_file "www_password.txt" },
  authz = ci.authz { allow = { control = "admins" }, roles = { admins = { "demo" } } },
  change_hooks = { github = ci.hooks.github { secret = ci.secret_file "webhook_secret.txt" } },
}

return c
