local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.schedulers = {
  ci.schedulers.any_branch { name = "a", builders = "linux", tree_stable_timer = "5 minutes", change_filter = "main" },
  ci.schedulers.single_branch { name = "b", builders = { linux = true }, only_important = "yes" },
  ci.schedulers.periodic { name = "c", builders = { "linux" }, period = "1h" },
  ci.schedulers.nightly { name = "d", builders = { "linux" }, hour = "three", minute = { 61 }, day_of_week = 9 },
  ci.schedulers.dependent { name = "e", builders = { "linux" }, upstream = { "a", "b" } },
  ci.schedulers.force { name = "f", builders = { "linux" }, button_name = 5, reason = "x", properties = { "branch" } },
  ci.schedulers.force("g"),
}
return c
