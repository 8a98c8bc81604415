local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
local make = ci.steps.shell { command = "make" }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { make } } }
c.schedulers = { ci.schedulers.force { name = "force", builders = { "linux" } } }
c.title_url = 1
c.url = "buildbot.example.org"
c.db = "sqlite:///state.sqlite"
c.protocols = 9990
c.workers = "w"
c.builders = { linux = { workers = { "w" } } }
c.schedulers = 7
c.reporters = ci.reporters
c.www = 8012
c.limits = 5
c.properties = { "a" }
c.prioritize_builders = true
return c
