local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
local git = ci.steps.git { repo = 5, branch = {}, mode = true, workdir = 7, halt_on_failure = "yes", do_step_if = "always", locks = "cpu" }
local up = ci.steps.file_upload { workersrc = {}, masterdest = false, mode = "0999" }
local sh = ci.steps.shell { name = 5, command = { "make", {}, function() end }, env = "PATH=x", timeout = -1, max_time = "1h", description = 4, logfiles = "x", decode_rc = { "x" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { git, up, sh, ci.steps.shell "make", ci.steps.shell } } }
return c
