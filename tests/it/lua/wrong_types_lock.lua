local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
local a = ci.worker_lock { name = "a", max_count = "four" }
local b = ci.worker_lock { name = 5 }
local d = ci.master_lock "d"
local e = ci.worker_lock { name = "e", max_count = 0, max_count_for_worker = 4 }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make },
  locks = { a:access "counting", b:access "counting", d:access "counting", e:access "exclusive", "a", { lock = a }, a:access(5)  } } }
return c
