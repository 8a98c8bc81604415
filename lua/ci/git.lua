-- A checkout with the worker's git, as the steps `git`, `github`, `gitlab` and `gerrit` do it, top to bottom.
-- Works with git 2.20 and later. What it is made of: names that strangers choose (`git/names.lua`), secrets for the time
-- of the step (`git/access.lua`), a mirror that all builders of a worker share (`git/mirror.lua`).

local ci = require "ci"
local access = require "ci.git.access"
local mirror = require "ci.git.mirror"
local names = require "ci.git.names"
local git = {}

git.options = {
  repo = "string",
  branch = "string?", -- when the sourcestamp has none; default HEAD
  mode = '"incremental"|"full"?',
  method = '"clobber"|"fresh"|"clean"|"copy"?', -- of mode "full"; default "fresh"
  codebase = "string?",
  submodules = "boolean?",
  remote_submodules = "boolean?", -- the newest of their branches, not what the commit names
  shallow = "boolean|integer?", -- true = one commit
  tags = "boolean?",
  mirror = "boolean?", -- share what is fetched with the worker's other builders
  reference = "string?", -- a repository on the worker to borrow from
  filters = "string[]?", -- leave out what these say, such as "blob:none"
  sparse = "string[]?", -- check only these folders out
  lfs = "boolean?",
  always_use_latest = "boolean?",
  clobber_on_failure = "boolean?", -- begin anew, once, when what is there cannot be used
  retry_fetch = "boolean?", -- twice more, after 10 and 30 s
  get_description = "(boolean|map)?", -- `git describe`, as the property `commit-description`
  config = "map?", -- of every git command
  origin = "string?", -- name of the remote
  progress = "boolean?",
}
for name, shape in pairs(access.options) do git.options[name] = shape end

git.defaults = { halt_on_failure = true, description = "updating", description_done = "update" }

-- "Get source" with codebase "halide" is shown as "Get source-halide", as in Buildbot.
function git.rename(name, o)
  if type(o.codebase) == "string" and o.codebase ~= "" then return name .. "-" .. o.codebase end
  return name
end

function git.check(o)
  if o.method and o.mode ~= "full" then return false, '`method` needs mode = "full"' end
  if o.remote_submodules and not o.submodules then return false, "`remote_submodules` needs submodules = true" end
  if o.mirror and (o.shallow or o.filters) then
    return false, ("`mirror` has whole histories; leave it or `%s` out"):format(o.shallow and "shallow" or "filters")
  end
  if type(o.repo) == "string" then
    local why = names.wrong_repository(o.repo)
    if why then return false, why end
  end
  return access.check(o)
end

local function sourcestamp(build, codebase)
  for _, stamp in ipairs(build.sourcestamps) do
    if stamp.codebase == codebase then return stamp end
  end
  return {}
end

-- What to fetch from where, and what to check out (no revision = what was fetched). `change` may know better
-- for its kind of server.
local function wanted(step, o, change)
  local stamp = sourcestamp(step.build, o.codebase or "")
  local want = { repo = o.repo, branch = stamp.branch or o.branch or "HEAD", revision = stamp.revision }
  if change then change(want, step, stamp) end
  local branch, revision = want.branch, want.revision
  if not names.is_ref(branch) then step:fail(("the branch %q is not a name that git can fetch."):format(branch)) end
  local why = names.wrong_repository(want.repo)
  if why then step:fail(why) end
  if o.always_use_latest or revision == "" then revision = nil end
  if revision and not names.is_hex(revision) and not (revision:find "^refs/" and names.is_ref(revision)) then
    step:fail(("the revision %q is neither a commit's hash nor a full ref."):format(revision))
  end
  return branch, revision, want.repo
end

-- Seconds before a fetch is tried again.
local PAUSES <const> = { 10, 30 }

-- The commands of one checkout in `dir`. `works(…)` runs git there and says whether it went well.
local function commands(step, o, dir)
  local settings = {}
  for name, value in pairs(o.config or {}) do settings[#settings + 1] = { "-c", name .. "=" .. tostring(value) } end
  local env, access_settings = access.prepare(step, o)
  local here = {}
  function here.run(arguments, options)
    options = options or {}
    local command = { "git", settings, access_settings, arguments }
    return step:run { command = command, env = env, workdir = options.dir or dir, collect = options.collect }
  end
  function here.works(...) return here.run({ ... }).rc == 0 end
  function here.works_in(other, ...) return here.run({ ... }, { dir = other }).rc == 0 end
  -- The same for what needs the network, which may be away for a moment.
  function here.fetches(other, ...)
    local done = here.run({ ... }, { dir = other }).rc == 0
    for _, pause in ipairs(o.retry_fetch and PAUSES or {}) do
      if done then break end
      ci.sleep(pause)
      done = here.run({ ... }, { dir = other }).rc == 0
    end
    return done
  end
  function here.has(commit) return here.works("rev-parse", "--verify", "--quiet", commit .. "^{commit}") end
  return here
end

-- Files by which a git says that it is at work. Nobody else works in a build's directory: one that is
-- there was left by a git that was killed.
local function remove_locks(step, dir)
  local found = {}
  for _, pattern in ipairs { "*.lock", "refs/heads/*.lock", "refs/remotes/*/*.lock", "refs/tags/*.lock", "modules/*/*.lock" } do
    for _, path in ipairs(step:glob(dir .. "/.git/" .. pattern)) do found[#found + 1] = path end
  end
  for _, path in ipairs(found) do step:remove_file(path) end
  return #found > 0
end

-- Fetches what is wanted into a repository that is there; false when it cannot.
local function fetch(here, o, branch, revision, commit)
  local progress, depth = o.progress ~= false and "--progress", o.depth
  local from = o.from
  if o.filters and from == o.repo then
    from = o.origin or "origin"
    if not here.works("remote", "set-url", from, o.repo) then return false end
  end
  local ref = revision and not commit and revision or branch
  if not here.fetches(nil, "fetch", "--force", o.tags and "--tags", progress, depth, "--", from, ref) then return false end
  -- The branch may have moved on from a shallow history that ends before the commit.
  if commit and o.shallow and not here.has(commit) then
    return here.works("fetch", "--force", "--unshallow", progress, "--", from, ref)
  end
  return true
end

-- What the checkout lacks it finds in the mirror. It may be older than that, or have borrowed from another one.
local function borrow(step, dir, path)
  local file, line = dir .. "/.git/objects/info/alternates", path .. "/objects\n"
  local before = step:path_exists(file) and step:read_file(file) or ""
  if not ("\n" .. before):find("\n" .. line, 1, true) then step:write_file(file, before .. line) end
end

-- Makes the repository, without a checkout.
local function clone(step, here, o, dir, borrowed)
  step:remove_directory(dir)
  local filters = ci.list.map(ci.list.flatten(o.filters), function(filter) return "--filter=" .. filter end)
  local reference = o.reference and { "--reference", o.reference }
  local origin = o.origin and { "--origin", o.origin }
  local progress = o.progress ~= false and "--progress"
  if borrowed then
    -- Not a clone of the mirror: what `origin` is, people and tools expect to be the repository.
    return here.works("init", "--quiet", ".")
      and here.works("remote", "add", o.origin or "origin", o.repo)
      and pcall(borrow, step, dir, borrowed)
  end
  return here.works("clone", "--no-checkout", progress, origin, filters, reference, o.depth, "--", o.repo, ".")
end

local function submodules(here, o)
  if not o.submodules then return true end
  local update = { "submodule", "update", "--init", "--recursive", "--force", o.remote_submodules and "--remote", o.depth }
  return here.works("submodule", "sync", "--recursive") and here.works(update)
end

local function clean(here, o)
  local how = { "clean", "-f", "-f", "-d", (o.method or "fresh") == "fresh" and "-x" }
  return here.works(how) and (not o.submodules or here.works("submodule", "foreach", "--recursive", "git", how))
end

local function sparse(step, here, o, dir, known)
  if o.sparse then return here.works("sparse-checkout", "set", o.sparse) end
  -- What an earlier configuration left out.
  local is_sparse = known and step:path_exists(dir .. "/.git/info/sparse-checkout")
  return not is_sparse or here.works("sparse-checkout", "disable")
end

-- From what is there to what is wanted; false when a command failed.
local function update(step, here, o, dir, known, branch, revision)
  local commit = revision and names.is_hex(revision) and revision
  local borrowed
  if o.mirror then
    borrowed, commit = mirror.update(step, here, o, branch, revision)
    if not borrowed then return false end
  end
  if not known and not clone(step, here, o, dir, borrowed) then return false end
  if known and borrowed and not here.has(commit) and not pcall(borrow, step, dir, borrowed) then return false end
  -- A commit that is here already needs no network.
  local is_here = borrowed or commit and here.has(commit)
  if not is_here and not fetch(here, o, branch, revision, commit) then return false end
  if not sparse(step, here, o, dir, known) then return false end
  if o.lfs and not here.works("lfs", "install", "--local") then return false end
  if not here.works("checkout", "--force", "--detach", commit or "FETCH_HEAD", "--") then return false end
  if o.lfs and not here.works("lfs", "pull") then return false end
  if not submodules(here, o) then return false end
  return not (known and o.mode == "full") or clean(here, o)
end

-- What somebody tries. In the index, so that the next checkout takes new files away again.
local function apply_patch(step, here, o, dir)
  local patch = sourcestamp(step.build, o.codebase or "").patch
  if not patch then return end
  step:write_patch(dir .. "/.git/try.patch", o.codebase or "")
  local folder = patch.subdir ~= "" and "--directory=" .. patch.subdir
  if not here.works("apply", "--index", "-p" .. patch.level, folder, ".git/try.patch") then
    step:fail "the patch does not apply"
  end
end

-- A property per codebase: text without codebases, else a table by codebase.
function git.remember(step, name, codebase, value, source)
  if codebase ~= "" then
    local all = step:property(name)
    if type(all) ~= "table" then all = {} end
    all[codebase] = value
    value = all
  end
  step:set_property(name, value, source or "Git")
end

local function describe(step, here, o)
  if not o.get_description then return end
  local options = {}
  for name, value in pairs(type(o.get_description) == "table" and o.get_description or {}) do
    local option = "--" .. name:gsub("_", "-")
    if value == true then options[#options + 1] = option
    elseif value then options[#options + 1] = option .. "=" .. tostring(value) end
  end
  local said = here.run({ "describe", options, "HEAD" }, { collect = true })
  if said.rc == 0 then git.remember(step, "commit-description", o.codebase or "", ci.text.trim(said.stdout or "")) end
end

local function checkout(step, o, dir, branch, revision)
  local here = commands(step, o, dir)
  local begins_anew = o.mode == "full" and o.method == "clobber"
  local known = not begins_anew and step:path_exists(dir .. "/.git")
  local done = update(step, here, o, dir, known, branch, revision)
  if not done and known and remove_locks(step, dir) then done = update(step, here, o, dir, known, branch, revision) end
  if not done and known and o.clobber_on_failure then done = update(step, here, o, dir, false, branch, revision) end
  if not done then return "failure" end
  apply_patch(step, here, o, dir)

  local got = ci.text.trim(here.run({ "rev-parse", "HEAD" }, { collect = true }).stdout or "")
  if not names.is_hex(got) then step:fail(("git rev-parse HEAD said %q, which is no commit."):format(got)) end
  local commit = revision and names.is_hex(revision) and revision:lower()
  if commit and got:sub(1, #commit) ~= commit then
    step:fail(("the checkout is at %s, and %s was wanted."):format(got, commit))
  end
  git.remember(step, "got_revision", o.codebase or "", got)
  describe(step, here, o)
  return "success"
end

-- Runs the whole checkout; returns the step's result.
function git.run(step, options, change)
  local o = {}
  for name in pairs(git.options) do o[name] = options[name] end
  o.env = options.env
  o.depth = o.shallow and { "--depth", o.shallow == true and 1 or o.shallow }
  local why = names.wrong_repository(o.repo)
  if why then step:fail(why) end
  local branch, revision
  branch, revision, o.from = wanted(step, o, change)
  local dir = step.workdir
  local copied = o.mode == "full" and o.method == "copy"
  local results = checkout(step, o, copied and dir .. "-source" or dir, branch, revision)
  if copied and results == "success" then
    step:remove_directory(dir)
    step:copy_directory(dir .. "-source", dir)
  end
  return results
end

return git
