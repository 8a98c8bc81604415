local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.any_branch { name = "a", builders = { "linux" }, change_filter = {
  properties = { x = function() end },
  property_re = { y = "(" },
  property_not_re = "z",
  property_eq = { a = 1 },
  filter_fn = function() end,
  category = { "a", 5 },
  repository_re = { 1 },
} } }
return c
