-- A checkout with the worker's git, as the steps `git` and `github` do it. Works with git 2.20 and
-- later. Branches and revisions come from strangers (anyone may open a pull request), so each is
-- checked before it becomes an argument.

local ci = require "ci"
local git = {}

git.options = {
  repo = "string",
  branch = "string?", -- when the sourcestamp has none; default HEAD
  mode = '"incremental"|"full"?',
  method = '"clobber"|"fresh"|"clean"?', -- of mode "full"; default "fresh"
  codebase = "string?",
  submodules = "boolean?",
  shallow = "boolean|integer?", -- true = one commit
  always_use_latest = "boolean?",
}

git.defaults = { halt_on_failure = true, description = "updating", description_done = "update" }

-- "Get source" with codebase "halide" is shown as "Get source-halide", as in Buildbot.
function git.rename(name, o)
  if type(o.codebase) == "string" and o.codebase ~= "" then return name .. "-" .. o.codebase end
  return name
end

function git.check(o)
  if o.method and o.mode ~= "full" then return false, '`method` needs mode = "full"' end
  return true
end

local function is_hex(s) return #s >= 7 and #s <= 64 and not s:find "[^0-9a-fA-F]" end

-- What git allows in a ref's name, less what could be an option or a refspec.
local function is_ref(s)
  return s ~= ""
    and not s:find "^[-/+]"
    and not s:find "[%c%s~^:?*\\%[\127]"
    and not s:find("..", 1, true)
    and not s:find("@{", 1, true)
    and not s:find("//", 1, true)
    and not s:find "[/.]$"
end

local function sourcestamp(build, codebase)
  for _, stamp in ipairs(build.sourcestamps) do
    if stamp.codebase == codebase then return stamp end
  end
  return {}
end

-- What to fetch and what to check out (nil = what was fetched).
local function wanted(step, o, ignores_revision)
  local stamp = sourcestamp(step.build, o.codebase or "")
  local branch = stamp.branch or o.branch or "HEAD"
  if not is_ref(branch) then step:fail(("the branch %q is not a name that git can fetch."):format(branch)) end
  local revision = stamp.revision
  if o.always_use_latest or revision == "" or (revision and ignores_revision(branch)) then revision = nil end
  if revision and not is_hex(revision) and not (revision:find "^refs/" and is_ref(revision)) then
    step:fail(("the revision %q is neither a commit's hash nor a full ref."):format(revision))
  end
  return branch, revision
end

local function no_revision_is_ignored() return false end

-- Runs the whole checkout; returns the step's result.
function git.run(step, o, ignores_revision)
  local dir = step.workdir
  local branch, revision = wanted(step, o, ignores_revision or no_revision_is_ignored)
  local env = { GIT_TERMINAL_PROMPT = "0" }
  for name, value in pairs(o.env or {}) do env[name] = value end

  local function run(arguments, options)
    options = options or {}
    return step:run { command = { "git", arguments }, env = env, collect = options.collect }
  end
  local function works(...) return run({ ... }).rc == 0 end

  local full = o.mode == "full"
  local method = o.method or "fresh"
  local known = step:path_exists(dir .. "/.git")
  if full and method == "clobber" or not known then
    step:remove_directory(dir)
    known = false
  end

  local depth = o.shallow and { "--depth", o.shallow == true and 1 or o.shallow }
  if not known and not works("clone", "--no-checkout", depth, "--", o.repo, ".") then return "failure" end

  -- A commit that is here already needs no network.
  local commit = revision and is_hex(revision) and revision
  local is_here = commit and works("cat-file", "-e", commit .. "^{commit}")
  if not is_here then
    local ref = revision and not commit and revision or branch
    if not works("fetch", "--force", "--tags", "--progress", depth, "--", o.repo, ref) then return "failure" end
    -- The branch may have moved on from a shallow history that ends before the commit.
    if commit and o.shallow and not works("cat-file", "-e", commit .. "^{commit}") then
      if not works("fetch", "--force", "--unshallow", "--", o.repo, ref) then return "failure" end
    end
  end
  if not works("checkout", "--force", "--detach", commit or "FETCH_HEAD", "--") then return "failure" end

  if o.submodules then
    local update = { "submodule", "update", "--init", "--recursive", "--force", depth }
    if not works("submodule", "sync", "--recursive") or not works(update) then return "failure" end
  end
  if full and known then
    local clean = { "clean", "-f", "-f", "-d", method == "fresh" and "-x" }
    if not works(clean) then return "failure" end
    if o.submodules and not works("submodule", "foreach", "--recursive", "git", clean) then return "failure" end
  end

  -- What somebody tries. In the index, so that the next checkout takes new files away again.
  local patch = sourcestamp(step.build, o.codebase or "").patch
  if patch then
    step:write_patch(dir .. "/.git/try.patch", o.codebase or "")
    local apply = { "apply", "--index", "-p" .. patch.level, patch.subdir ~= "" and "--directory=" .. patch.subdir }
    if not works(apply, ".git/try.patch") then step:fail "the patch does not apply" end
  end

  local got = ci.text.trim(run({ "rev-parse", "HEAD" }, { collect = true }).stdout or "")
  if not is_hex(got) then step:fail(("git rev-parse HEAD said %q, which is no commit."):format(got)) end
  git.remember(step, o.codebase or "", got)
  return "success"
end

-- `got_revision` is text without codebases, else a table of revisions by codebase.
function git.remember(step, codebase, revision)
  if codebase == "" then
    step:set_property("got_revision", revision, "Git")
    return
  end
  local all = step:property "got_revision"
  if type(all) ~= "table" then all = {} end
  all[codebase] = revision
  step:set_property("got_revision", all, "Git")
end

return git
