-- Gets the build's source with git: the branch and revision of its sourcestamp.

local ci = require "ci"
local git = require "ci.git"

return ci.step_type {
  name = "git",
  options = git.options,
  defaults = git.defaults,
  rename = git.rename,
  check = git.check,
  run = function(step, o) return git.run(step, o) end,
}
