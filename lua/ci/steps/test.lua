-- Runs a project's tests: `make test`, or what is said.

local ci = require "ci"

return ci.step_type {
  name = "test",
  options = { command = "(string|scalar[])?" }, -- default make test
  defaults = { description = "testing" },
  run = function(step, o) return step:run({ command = o.command or { "make", "test" } }).results end,
}
