-- Schedulers that steps trigger, and steps that trigger schedulers.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local packages = ci.schedulers.triggerable { name = "packages", builders = { "child" } }
local night = ci.schedulers.nightly_triggerable { name = "night", builders = { "child" }, hour = 25, period = 5 }
local steps = {
  ci.steps.trigger {},
  ci.steps.trigger { schedulers = {} },
  ci.steps.trigger { schedulers = { "packages", { packages, { night } } } },
  ci.steps.trigger { schedulers = { "main", ci.property "other" } },
  ci.steps.trigger { schedulers = "force" },
  ci.steps.trigger { schedulerNames = { "packages" }, waitForFinish = true },
  ci.steps.trigger { schedulers = packages, unimportant_schedulers = { "night" } },
  ci.steps.trigger { schedulers = packages, sourcestamp = { branch = "b" }, always_use_latest = true },
  ci.steps.trigger { schedulers = packages, sourcestamps = { { branch = "b" } }, update_sourcestamp = true },
  ci.steps.trigger { schedulers = packages, always_use_latest = true, update_sourcestamp = false },
  ci.steps.trigger { schedulers = 5, wait_for_finish = "yes" },
  ci.steps.trigger { schedulers = { packages, night }, set_properties = { "a" }, copy_properties = "a" },
  -- These are right.
  ci.steps.trigger { schedulers = { { packages }, false, night }, unimportant_schedulers = night },
  ci.steps.trigger { schedulers = ci.property "which", unimportant_schedulers = { ci.property "which" } },
}
c.builders = {
  ci.builder { name = "parent", workers = { "w" }, factory = steps },
  ci.builder { name = "child", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } },
}
c.schedulers = {
  packages, night,
  ci.schedulers.any_branch { name = "main", builders = { "parent" } },
  ci.schedulers.force { name = "force", builders = { "parent" } },
  ci.schedulers.triggerable { name = "a", builders = { "child", "chidl" }, change_filter = { branch = "x" } },
  ci.schedulers.triggerable { name = "b", builders = function() return { "child" } end },
  ci.schedulers.triggerable { name = "c", builders = { "child" }, priority = function() return 1 end },
  ci.schedulers.nightly_triggerable { name = "d", builders = { "child" }, only_if_changed = true, timezone = "Berlin" },
}
return c
