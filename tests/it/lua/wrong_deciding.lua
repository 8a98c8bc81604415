local ci = require "ci"
local c = ci.config()
c.prioritize_builders = "by name"
c.select_next_worker = { function() end }
c.collapse_requests = "always"
c.codebase_generator = 7
c.select_next_workers = function() end
c.workers = { ci.worker { name = "w", password = "p" } }
local factory = { ci.steps.shell { command = "make" } }
c.builders = {
  ci.builder { name = "a", workers = { "w" }, factory = factory,
               next_worker = "w",
               next_build = true,
               can_start_build = {},
               collapse_requests = 1,
               do_build_if = 7 },
  ci.builder { name = "b", workers = { "w" }, factory = factory, nextWorker = function() end },
  ci.builder { name = "nobody starts this", workers = { "w" }, factory = factory },
}
c.schedulers = {
  ci.schedulers.any_branch { name = "s", builders = 7, priority = "high" },
  ci.schedulers.any_branch { name = "t", builders = { "a", "b" }, priority = 1.5 },
  ci.schedulers.any_branch { name = "u", builders = { "a", function() end }, priority = 3000000000 },
  ci.schedulers.force { name = "f", builders = function() return { "a" } end },
}
return c
