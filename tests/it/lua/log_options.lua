-- What steps say about their logs.
local ci = require "ci"
local c = ci.config()
c.log_encoding = "klingon"
c.workers = { ci.worker { name = "w", password = "pw" } }
local one = ci.steps.shell { command = "x", logfiles = { test = 7, stdio = "x.log" }, log_encoding = "utf-9" }
local two = ci.steps.shell { command = "x", logfiles = { test = { file = "x" } }, lazylogfiles = "yes" }
local three = ci.steps.shell { command = "x", logfiles = { test = { filename = "x", follow = 1 } } }
local four = ci.steps.shell { command = "x", logfiles = { "test.log" } }
local fine = ci.steps.shell { command = "x", logfiles = { a = "a", b = { filename = ci.property "b", follow = true }, c = ci.null },
  lazylogfiles = ci.property "lazy", log_encoding = "latin-1" }
c.builders = { ci.builder { name = "b", workers = "w", factory = { one, two, three, four, fine } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
return c
