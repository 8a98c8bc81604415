-- Options of parameters that nobody would look at, and names that are known beforehand.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = { ci.builder { name = "b", workers = "w", factory = {} } }
local p = ci.parameters
c.schedulers = {
  ci.schedulers.force {
    name = "f", builders = "b",
    username = p.username { name = "who" },
    reason = p.string { name = "why", label = "Why?" },
    priority = "high",
    codebases = { p.codebase { codebase = "halide", name = "Halide", branch = p.choice { name = "ref", choices = { "main" } } } },
    properties = {
      p.nested { name = "group", required = true, fields = { p.string { name = "x" } } },
      p.boolean { name = "debug", regex = "true" },
      p.fixed { name = "kind", default = "x", max_size = 5 },
      p.choice { name = "target", choices = { "a", "b" }, regex = "[ab]" },
    },
  },
}
return c
