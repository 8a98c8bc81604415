-- Pushes the commit that is checked out to a branch, or a tag.

local ci = require "ci"
local access = require "ci.git.access"
local names = require "ci.git.names"

local options = { repo = "string", branch = "string?", tag = "string?", force = "boolean?" }
for name, shape in pairs(access.options) do options[name] = shape end

return ci.step_type {
  name = "git_push",
  options = options,
  defaults = { halt_on_failure = true, description = "pushing", description_done = "push" },
  check = function(o)
    if (o.branch == nil) == (o.tag == nil) then return false, "give one of `branch` and `tag`" end
    return access.check(o)
  end,
  run = function(step, given)
    local o = {}
    for name in pairs(options) do o[name] = given[name] end
    local why = names.wrong_repository(o.repo)
    if why then step:fail(why) end
    local name = o.branch or o.tag
    if not names.is_ref(name) then step:fail(("%q is no name for a branch or a tag."):format(name)) end
    local what = o.branch and "HEAD:refs/heads/" .. o.branch or "refs/tags/" .. o.tag
    o.env = given.env
    local env, settings = access.prepare(step, o)
    local command = { "git", settings, "push", o.force and "--force", "--", o.repo, what }
    return step:run({ command = command, env = env }).results
  end,
}
