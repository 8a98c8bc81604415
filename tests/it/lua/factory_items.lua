local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
local both = { make, "install" }
local f = ci.factory { make }
f:add(make, "tests")
c.builders = {
  ci.builder { name = "a", workers = "w", factory = {
    make,
    "tests",
    { make, function() return make end },
    nil,
    { name = "x" },
  } },
  ci.builder { name = "b", workers = "w", factory = both },
  ci.builder { name = "c", workers = "w", factory = ci.factory { make, 5 } },
  ci.builder { name = "d", workers = "w", factory = f },
  ci.builder { name = "e", workers = "w", factory = { make, both } },
}
c.schedulers = { ci.schedulers.force { name = "force", builders = c.builders } }
return c
