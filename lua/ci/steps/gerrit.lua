-- As `git`, for Gerrit: a change under review stands in a ref of its own. It is the one of the event that
-- started the build, or the one that the property `gerrit_change` names: "CHANGE/PATCHSET".

local ci = require "ci"
local git = require "ci.git"

-- The ref of the change, if the build is for one and this source is the change's.
local function ref_of(properties, stamp)
  local project = properties["event.change.project"]
  if project and (stamp.project or "") ~= "" and stamp.project ~= project then return nil end
  if properties["event.patchSet.ref"] then return tostring(properties["event.patchSet.ref"]) end
  local change, patchset = tostring(properties.gerrit_change or ""):match "^(%d+)/(%d+)$"
  return change and ("refs/changes/%s/%s/%s"):format(("0" .. change):sub(-2), change, patchset)
end

local function change_under_review(want, step, stamp)
  local ref = ref_of(step.build.properties, stamp)
  if not ref then return end
  want.branch = ref
  git.remember(step, "gerrit_branch", stamp.codebase or "", ref, "Gerrit")
end

return ci.step_type {
  name = "gerrit",
  options = git.options,
  defaults = git.defaults,
  rename = git.rename,
  check = git.check,
  run = function(step, o) return git.run(step, o, change_under_review) end,
}
