-- Commits what earlier steps have changed in the checkout.

local ci = require "ci"

return ci.step_type {
  name = "git_commit",
  options = {
    paths = "string[]", -- what is added, relative to `workdir`
    messages = "string|string[]", -- paragraphs
    empty_commits = '("disallow"|"ignore"|"create-empty-commit")?', -- when nothing changed; default a failure
    no_verify = "boolean?", -- without the repository's hooks
    user = "string?", -- the committer's name; default what git on the worker says
    email = "string?",
  },
  defaults = { halt_on_failure = true, description = "committing" },
  run = function(step, o)
    local who = { o.user and { "-c", "user.name=" .. o.user }, o.email and { "-c", "user.email=" .. o.email } }
    local function git(...) return step:run({ command = { "git", who, ... } }) end
    local added = git("add", "--all", "--", o.paths)
    if added.results ~= "success" then return added.results end
    local is_empty = git("diff", "--cached", "--quiet").rc == 0
    if is_empty and o.empty_commits == "ignore" then
      step:set_summary "nothing to commit"
      return "success"
    end
    if is_empty and o.empty_commits ~= "create-empty-commit" then step:fail "nothing to commit" end
    local messages = ci.list.map(ci.list.flatten(o.messages), function(text) return { "-m", text } end)
    return git("commit", is_empty and "--allow-empty", o.no_verify and "--no-verify", messages).results
  end,
}
