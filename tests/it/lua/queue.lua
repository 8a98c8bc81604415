-- Options of the queue that say something impossible.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w1", password = "p" } }
local f = ci.factory { ci.steps.shell { command = "true" } }
c.builders = {
  ci.builder { name = "none", workers = "w1", factory = f, max_builds_per_worker = 0 },
  ci.builder { name = "half", workers = "w1", factory = f, max_builds_per_worker = 1.5 },
  ci.builder { name = "many", workers = "w1", factory = f, max_builds_per_worker = 101 },
  ci.builder { name = "word", workers = "w1", factory = f, max_builds_per_worker = "2" },
  ci.builder { name = "slip", workers = "w1", factory = f, max_build_per_worker = 2 },
  ci.builder { name = "other", workers = "w1", factory = f, maxBuildsPerWorker = 2 },
}
c.schedulers = { ci.schedulers.force { name = "force", builders = c.builders } }
c.www = { authz = ci.authz { allow = { prority = "anyone", worker = "anyone", priority = "anyone" } } }
return c
