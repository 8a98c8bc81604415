local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    factory = { ci.steps.shell { name = "1", command = ci.interpolate "%(prop:a" },
    ci.steps.shell { name = "2", command = ci.interpolate "%(porp:a)s" },
    ci.steps.shell { name = "3", command = ci.interpolate("%(kw:nmae)s", { name = 1 }) },
    ci.steps.shell { name = "4", command = ci.interpolate "%(src::branche)s" },
    ci.steps.shell { name = "5", command = ci.interpolate "100%" },
    ci.steps.shell { name = "6", command = ci.interpolate "%(prop:a:?|b)s" },
    ci.steps.shell { name = "7", command = ci.interpolate "%(prop:a:=b)s" }, },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } }, }
return c
