-- A function may return any builder, so none is unreachable; the rest is checked all the same.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "p" } }
c.builders = { ci.builder { name = "a", workers = { "w" }, factory = { ci.steps.shell { command = "make" } } } }
c.schedulers = { ci.schedulers.any_branch { name = "s", builders = function() return {} end, file_is_important = "no" } }
return c
