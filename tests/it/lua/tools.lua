local ci = require "ci"
local c = ci.config()
local step = ci.steps
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "b", workers = { "w" }, factory = {
  step.set_property_from_command { command = "x" },
  step.set_property_from_command { command = "x", property = "p", extract_fn = function() end },
  step.shell_sequence { commands = { { log = "x" }, { command = "y", haltOnFailure = true } } },
  step.shell_sequence { commands = { { command = "y", logname = "x" } } },
  step.cmake { definitions = 7, path = "." },
  step.cargo { command = "build", release = true, profile = "ci" },
  step.make { jobs = "many" },
  ci.with_secrets { files = {}, steps = {} },
  ci.with_secrets { files = { "x" }, secrets = {} },
} } }
return c
