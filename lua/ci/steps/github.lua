-- As `git`, for GitHub: the merge ref of a pull request moves with its target branch, and the
-- change's revision is the head of the pull request, which is not the merge. So for a branch that
-- ends in `/merge` the ref's tip is taken.

local ci = require "ci"
local git = require "ci.git"

local function tip_of_merge(want)
  if want.branch:find "/merge$" then want.revision = nil end
end

return ci.step_type {
  name = "github",
  options = git.options,
  defaults = git.defaults,
  rename = git.rename,
  check = git.check,
  run = function(step, o) return git.run(step, o, tip_of_merge) end,
}
