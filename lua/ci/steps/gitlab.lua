-- As `git`, for GitLab: the branch of a merge request's change is the one it goes into, while the commit is on
-- another, maybe of a fork. That is fetched, from the fork if there is one.

local ci = require "ci"
local git = require "ci.git"

-- Of several codebases only one is that of the merge request.
local function is_its_target(stamp, properties)
  local of_stamp = stamp.repository or ""
  return (stamp.codebase or "") == ""
    or of_stamp == properties.target_repository
    or of_stamp == properties.target_git_ssh_url
end

local function source_of_merge_request(want, step, stamp)
  local properties = step.build.properties
  local branch = properties.source_branch
  if properties.target_branch == nil or not branch or not is_its_target(stamp, properties) then return end
  want.branch = tostring(branch)
  if properties.source_project_id == properties.target_project_id then return end
  -- In the way in which the repository itself is reached: keys and passwords are for that.
  local name = want.repo:find "^https?://" and "source_repository" or "source_git_ssh_url"
  local fork = properties[name]
  if type(fork) ~= "string" then step:fail(("the merge request comes from a fork, and the property `%s` does not say which."):format(name)) end
  want.repo = fork
end

return ci.step_type {
  name = "gitlab",
  options = git.options,
  defaults = git.defaults,
  rename = git.rename,
  check = git.check,
  run = function(step, o) return git.run(step, o, source_of_merge_request) end,
}
