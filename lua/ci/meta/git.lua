---@meta
-- The steps of git. All of them work with git 2.20 and later on the worker, whatever worker it is.

---@class ci
local ci = {}

---@class ci.GitOptions: ci.StepOptions
---@field repo ci.Renderable<string>
---@field branch? ci.Renderable<string> when the build's source names none (default HEAD)
---@field mode? ci.Renderable<"incremental"|"full"> default "incremental"
---@field method? ci.Renderable<"clobber"|"fresh"|"clean"|"copy"> of mode "full": begin anew, remove what git does not know, the same but for ignored files, copy a checkout that is kept beside (default "fresh")
---@field codebase? ci.Renderable<string> which of the build's sources (default: the one without a name)
---@field submodules? ci.Renderable<boolean>
---@field remote_submodules? ci.Renderable<boolean> the newest of their branches, not what the commit names
---@field shallow? ci.Renderable<boolean|integer> true = one commit
---@field tags? ci.Renderable<boolean> fetch all tags too
---@field mirror? ci.Renderable<boolean> share what is fetched with the worker's other builders: one bare repository in `.mirrors` beside their directories, of which their checkouts borrow
---@field reference? ci.Renderable<string> a repository on the worker to borrow from
---@field filters? ci.Renderable<string[]> leave out what these say, such as "blob:none"
---@field sparse? ci.Renderable<string[]> check only these folders out
---@field lfs? ci.Renderable<boolean> large files too
---@field always_use_latest? ci.Renderable<boolean> ignore the revision
---@field clobber_on_failure? ci.Renderable<boolean> begin anew, once, when what is there cannot be used
---@field retry_fetch? ci.Renderable<boolean> try a fetch twice more, after 10 and 30 seconds; `retry` is about the whole step
---@field get_description? ci.Renderable<boolean|table<string, any>> `git describe`, with these options, as the property `commit-description`
---@field config? ci.Renderable<table<string, any>> settings of every git command
---@field origin? ci.Renderable<string> name of the remote (default "origin")
---@field progress? ci.Renderable<boolean> default true
---@field port? ci.Renderable<integer> of ssh (default 22)
---@field ssh_private_key? ci.Renderable<string> on the worker for the time of the step, as all of these
---@field ssh_host_key? ci.Renderable<string> the one key that any host must have, such as "ssh-ed25519 AAAA…"
---@field ssh_known_hosts? ci.Renderable<string> text of a known_hosts file
---@field auth_user? ci.Renderable<string> of a `repo` over http
---@field auth_password? ci.Renderable<string>
---@field git_credentials? ci.Renderable<string[]> addresses with user and password in them, for submodules too

---Gets the build's source with git, and sets `got_revision`. Of a commit that is here already nothing is fetched; a lock that a
---killed git left is removed; a checkout that is not the wanted commit is a failure.
---```lua
---ci.steps.git { repo = "https://github.com/octocat/Hello-World.git", mode = "full", mirror = true, submodules = true }
---ci.steps.git { repo = "git@git.example.org:tool.git", ssh_private_key = ci.secret "deploy_key",
---               ssh_known_hosts = ci.secret "known_hosts", get_description = { tags = true } }
---```
---@param options ci.GitOptions
---@return ci.Step
function ci.steps.git(options) end

---@class ci.GithubOptions: ci.GitOptions

---As `git`; for a pull request's merge ref the ref's tip is taken.
---@param options ci.GithubOptions
---@return ci.Step
function ci.steps.github(options) end

---@class ci.GitlabOptions: ci.GitOptions

---As `git`; the commit of a merge request is on its source branch, maybe of a fork, which the properties of GitLab's changes name
---(`source_branch`, `target_branch`, `source_project_id`, `target_project_id`, `source_repository`, `source_git_ssh_url`).
---```lua
---ci.steps.gitlab { repo = "https://gitlab.example.org/group/tool.git", auth_user = "oauth2", auth_password = ci.secret "token" }
---```
---@param options ci.GitlabOptions
---@return ci.Step
function ci.steps.gitlab(options) end

---@class ci.GerritOptions: ci.GitOptions

---As `git`; what is fetched is the change under review, which the property `event.patchSet.ref` names, or `gerrit_change`
---("CHANGE/PATCHSET") of a build that was forced. It sets `gerrit_branch`.
---```lua
---ci.steps.gerrit { repo = "https://review.example.org/tool", mode = "full" }
---```
---@param options ci.GerritOptions
---@return ci.Step
function ci.steps.gerrit(options) end

---@class ci.GitDiffInfoOptions: ci.StepOptions
---@field compare_to_ref? ci.Renderable<string> a branch, tag or ref that the checkout knows (default "master")
---@field data_name? ci.Renderable<string> of the property (default "diffinfo-" and the ref)

---Says in which lines of which files the checkout differs from where it left another branch, as a property: a list of
---`{ source_file, target_file, is_binary, is_rename, hunks = { { ss, sl, ts, tl } } }`, the start and length of each hunk in the
---source and in the target. The branch must be there: `git` fetches only the one that it builds.
---```lua
---ci.steps.shell { command = { "git", "fetch", "origin", "main:refs/remotes/origin/main" } },
---ci.steps.git_diff_info { compare_to_ref = "origin/main", data_name = "changed" },
---ci.steps.shell { command = "make docs", do_step_if = function(step)
---  return ci.list.find(step.build.properties.changed, function(file) return file.target_file:find "^docs/" end) ~= nil
---end }
---```
---@param options ci.GitDiffInfoOptions
---@return ci.Step
function ci.steps.git_diff_info(options) end

---@class ci.SvnOptions: ci.StepOptions
---@field repo ci.Renderable<string> the address, the branch in it included
---@field username? ci.Renderable<string>
---@field password? ci.Renderable<string> goes to svn by standard input
---@field mode? ci.Renderable<"incremental"|"full"> default "incremental"
---@field method? ci.Renderable<"clobber"|"fresh"|"clean"|"copy"> of mode "full": begin anew, remove what svn does not know, the same but for ignored files, copy a checkout that is kept beside (default "fresh")
---@field codebase? ci.Renderable<string> which of the build's sources (default: the one without a name)
---@field depth? ci.Renderable<"empty"|"files"|"immediates"|"infinity"> of the checkout
---@field always_use_latest? ci.Renderable<boolean> ignore the revision
---@field prefer_last_changed_rev? ci.Renderable<boolean> `got_revision` is the last revision that changed something here
---@field extra_args? ci.Renderable<(string|number)[]> of every svn command

---Gets the build's source with Subversion (1.10 or later on the worker), and sets `got_revision`.
---```lua
---ci.steps.svn { repo = ci.interpolate "https://svn.example.org/tool/%(src::branch:-trunk)s", username = "bot", password = ci.secret "svn" }
---```
---@param options ci.SvnOptions
---@return ci.Step
function ci.steps.svn(options) end

---@class ci.GitCommitOptions: ci.StepOptions
---@field paths ci.Renderable<string[]> what is added, relative to `workdir`
---@field messages ci.Renderable<string|string[]> paragraphs
---@field empty_commits? ci.Renderable<"disallow"|"ignore"|"create-empty-commit"> when nothing has changed (default "disallow": a failure)
---@field no_verify? ci.Renderable<boolean> without the repository's hooks
---@field user? ci.Renderable<string> the committer's name (default: what git on the worker says)
---@field email? ci.Renderable<string>

---Commits what earlier steps have changed in the checkout.
---```lua
---ci.steps.git_commit { paths = { "docs" }, messages = "Documentation of today", empty_commits = "ignore",
---                      user = "bot", email = "bot@example.org" }
---```
---@param options ci.GitCommitOptions
---@return ci.Step
function ci.steps.git_commit(options) end

---@class ci.GitTagOptions: ci.StepOptions
---@field tag ci.Renderable<string>
---@field annotated? ci.Renderable<boolean>
---@field messages? ci.Renderable<string|string[]> of an annotated tag
---@field force? ci.Renderable<boolean> replace one of this name

---Tags the commit that is checked out.
---```lua
---ci.steps.git_tag { tag = ci.interpolate "v%(prop:version)s", annotated = true, messages = "A release" }
---```
---@param options ci.GitTagOptions
---@return ci.Step
function ci.steps.git_tag(options) end

---@class ci.GitPushOptions: ci.StepOptions
---@field repo ci.Renderable<string>
---@field branch? ci.Renderable<string> gets the commit that is checked out
---@field tag? ci.Renderable<string> one of the checkout's tags
---@field force? ci.Renderable<boolean>
---@field port? ci.Renderable<integer> of ssh (default 22)
---@field ssh_private_key? ci.Renderable<string> on the worker for the time of the step, as all of these
---@field ssh_host_key? ci.Renderable<string> the one key that any host must have, such as "ssh-ed25519 AAAA…"
---@field ssh_known_hosts? ci.Renderable<string> text of a known_hosts file
---@field auth_user? ci.Renderable<string> of a `repo` over http
---@field auth_password? ci.Renderable<string>
---@field git_credentials? ci.Renderable<string[]> addresses with user and password in them, for submodules too

---Pushes the commit that is checked out, or a tag.
---```lua
---ci.steps.git_push { repo = "https://git.example.org/docs.git", branch = "pages", auth_user = "bot", auth_password = ci.secret "token" }
---```
---@param options ci.GitPushOptions
---@return ci.Step
function ci.steps.git_push(options) end
