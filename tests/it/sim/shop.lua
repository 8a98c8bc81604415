-- The shop of the stories about decisions: two workers that take one build at a time, three builders
-- of one step, and a scheduler for people. Stories put their functions where the marks are; they
-- know the lines of these marks.
local ci = require "ci"
local c = ci.config()
c.workers = {
  ci.worker { name = "w1", password = "secret-of-w1", max_builds = 1, data = { speed = 1 } },
  ci.worker { name = "w2", password = "secret-of-w2", max_builds = 1, data = { speed = 2 } },
}
local function builder(name, importance, options)
  options.name, options.data = name, { importance = importance }
  options.workers = { "w1", "w2" }
  options.factory = { ci.steps.shell { name = "Build", command = "make " .. name } }
  if options.collapse_requests == nil then options.collapse_requests = false end
  return ci.builder(options)
end
c.builders = {
  builder("a", 1, {--[[a]]}),
  builder("b", 2, {--[[b]]}),
  builder("c", 3, {--[[c]]}),
}
c.schedulers = {
  ci.schedulers.force { name = "force", builders = { "a", "b", "c" } },
  --[[schedulers]]
}
c.www = { port = 0, change_hooks = { github = ci.hooks.github { secret = "secret-of-the-hook" } } }
--[[c]]
return c
