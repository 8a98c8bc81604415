local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
local lock = ci.worker_lock { name = "cpu", max_counts = 3 }
local disk = ci.master_lock { name = "disk", max_count_for_worker = { w = 2 } }
local net = ci.worker_lock { name = "net", max_count_for_worker = { v = 2, w = "two" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make }, locks = { lock:access "counting", disk:access "exclusive", net:access() } } }
return c
