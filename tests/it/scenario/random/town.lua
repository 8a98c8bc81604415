-- The farm of the random stories: four workers of different sizes, and builders whose locks meet in
-- every way: shared and alone, of workers and of the master, of builders and of steps, and two
-- builders that each hold what a step of the other wants. A release waits for its parts.
local ci = require "ci"
local c = ci.config()
c.url = "https://ci.example.org/"

c.workers = {
  ci.worker { name = "w1", password = "secret-of-w1", max_builds = 2 },
  ci.worker { name = "w2", password = "secret-of-w2", max_builds = 1 },
  ci.worker { name = "w3", password = "secret-of-w3", max_builds = 3 },
  ci.worker { name = "w4", password = "secret-of-w4" },
}

local perf = ci.worker_lock { name = "perf", max_count = 2, max_count_for_worker = { w3 = 3 } }
local publish = ci.master_lock { name = "publish" }
local a, b = ci.master_lock { name = "a" }, ci.master_lock { name = "b" }
local shared, alone = perf:access "counting", perf:access "exclusive"

local shell = ci.steps.shell
local function build(locks) return shell { name = "Build", command = { "make" }, halt_on_failure = true, locks = locks } end
local function test(locks) return shell { name = "Test", command = { "make", "test" }, locks = locks } end
local clean = shell { name = "Clean", command = { "make", "clean" }, always_run = true, flunk_on_failure = false }

local everywhere = { "w1", "w2", "w3", "w4" }
c.builders = {
  ci.builder { name = "linux", workers = { "w1", "w2" }, factory = { build { shared }, test { alone }, clean } },
  ci.builder { name = "mac", workers = { "w2", "w3" }, locks = { shared },
               factory = { build(), test(function(build) return build.number % 2 == 0 and shared end), clean } },
  ci.builder { name = "llvm", workers = { "w1", "w3" }, locks = { alone }, factory = { build(), clean } },
  ci.builder { name = "pack", workers = everywhere, locks = { publish:access "exclusive" }, factory = { build { perf:access("counting", 2) } } },
  ci.builder { name = "left", workers = everywhere, locks = { a:access "exclusive" }, factory = { build(), test { b:access "exclusive" } } },
  ci.builder { name = "right", workers = everywhere, locks = { b:access "exclusive" }, factory = { build(), test { a:access "exclusive" } } },
  ci.builder { name = "docs", workers = everywhere, factory = { build() }, collapse_requests = false },
  -- Where there is always room for the parts, so that no release keeps its own from starting.
  ci.builder { name = "release", workers = { "w4" }, factory = { ci.steps.trigger { schedulers = "parts", wait_for_finish = true }, build() } },
  ci.builder { name = "part-a", workers = everywhere, factory = { build() } },
  ci.builder { name = "part-b", workers = everywhere, factory = { build(), clean } },
}

c.schedulers = {
  ci.schedulers.any_branch { name = "main", builders = { "linux", "mac", "left", "right" }, change_filter = { branch = "main" } },
  ci.schedulers.any_branch { name = "pulls", builders = { "linux" }, change_filter = { category = "pull" }, tree_stable_timer = 60 },
  ci.schedulers.dependent { name = "after main", upstream = "main", builders = { "docs" } },
  ci.schedulers.periodic { name = "every hour", period = 3600, builders = { "llvm" } },
  ci.schedulers.force { name = "force", builders = { "linux", "mac", "llvm", "pack", "left", "right", "docs", "release" } },
  ci.schedulers.any_branch { name = "releases", builders = { "release" }, change_filter = { branch = "release" } },
  ci.schedulers.triggerable { name = "parts", builders = { "part-a", "part-b" } },
}

c.cancellers = {
  ci.cancellers.old_builds { name = "old", filters = { { builders = { "linux" }, filter = { branch_re = "^refs/pull/" } } } },
  ci.cancellers.failing_buildsets {
    name = "failed", filters = { { builders = { "linux" }, builders_to_cancel = { "left", "right" }, filter = { branch = "main" } } },
  },
}

c.www = { port = 0, change_hooks = { github = ci.hooks.github { secret = "secret-of-the-hook" } } }
c.reporters = {
  ci.reporters.github_status { token = "token-of-github", context = ci.interpolate "ci/%(prop:buildername)s" },
}
return c
