local ci = require "ci"
local c = ci.config()
local function fill() table.insert(c.workers, ci.worker { name = "w", password = "correct" }) end
pcall(fill)
c.builders.linux = ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "make" } } }
return c
