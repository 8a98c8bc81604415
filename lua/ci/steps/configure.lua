-- Runs a project's configure script.

local ci = require "ci"

return ci.step_type {
  name = "configure",
  options = { command = "(string|scalar[])?" }, -- default ./configure
  defaults = { halt_on_failure = true, description = "configuring", description_done = "configure" },
  run = function(step, o) return step:run({ command = o.command or { "./configure" } }).results end,
}
