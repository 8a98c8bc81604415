-- Keys of the configuration that are no objects.
local ci = require "ci"
local c = ci.config()
c.log_max_size = 0
c.log_max_tail_size = 100 << 20
c.log_encoding = 8
c.validation = { branch = "[a-z", revision = { "a", "b" }, property_name = 3, tag = "x" }
c.janitor = { hour = 25 }
c.protocols = { port = 9990, pb = { port = 9989 }, require_tls = true }
c.revlink = "https://example.org/%s"
c.projects = { ci.project { name = "p", slug = 1 }, "q" }
c.manhole = false
c.mq = { type = "wamp" }
c.properties = { virtual_builder_name = "v" }
c.workers = { ci.worker { name = "w", password = "pw" } }
local f = ci.factory()
f:add(ci.with_secrets { files = { ["/run/key"] = ci.secret "k" }, steps = { ci.steps.shell { command = "x" }, "y" } })
c.builders = { ci.builder { name = "b", workers = "w", factory = f, project = "p", useProgress = true } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b", properties = {} } }
local ok, said = pcall(function() f.workdir = "src" end)
c.title = { ok, said }
return c
