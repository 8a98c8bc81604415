-- One bare repository per worker and address, of which the checkouts of all builders borrow: what one has
-- fetched none fetches again. Nothing is ever removed from it, because somebody may borrow just that.

local ci = require "ci"
local names = require "ci.git.names"
local mirror = {}

-- Beside the builders' directories, under a name that only this address has.
function mirror.path(step, repo)
  local words = repo:gsub("^%w+://", ""):gsub("^.*@", ""):gsub("[^%w._-]", "-"):sub(-60)
  return ci.path.normalize(step.build.builddir .. "/../.mirrors/" .. words .. "-" .. ci.sha256(repo):sub(1, 12))
end

-- Brings what is wanted into the mirror. Returns its path and the commit; nil when that cannot be done.
function mirror.update(step, here, o, branch, revision)
  local path = mirror.path(step, o.repo)
  if not step:path_exists(path .. "/HEAD") then
    step:make_directory(path)
    if not here.works_in(path, "init", "--bare", "--quiet", ".") then return nil end
  end
  local function has(commit) return here.works_in(path, "rev-parse", "--verify", "--quiet", commit .. "^{commit}") end
  local commit = revision and names.is_hex(revision) and revision
  if commit and has(commit) then return path, commit end

  local ref = revision and not commit and revision or branch
  -- Each directory keeps what it fetched under a name of its own: two that fetch the same branch in the
  -- same moment would find it locked.
  local kept = "refs/ci/" .. ci.sha256(step.workdir .. "\n" .. ref):sub(1, 20)
  local fetch = { "-c", "gc.auto=0", "fetch", "--force", o.tags and "--tags", o.progress ~= false and "--progress" }
  local function fetched() return here.fetches(path, fetch, "--", o.from, "+" .. ref .. ":" .. kept) end
  if not fetched() then
    -- Nobody else writes this name: a lock on it was left by a git that was killed.
    local lock = path .. "/" .. kept .. ".lock"
    if not step:path_exists(lock) then return nil end
    step:remove_file(lock)
    if not fetched() then return nil end
  end
  if commit then return has(commit) and path or nil, commit end
  local said = here.run({ "rev-parse", kept .. "^{commit}" }, { dir = path, collect = true })
  local got = ci.text.trim(said.stdout or "")
  if names.is_hex(got) then return path, got end
end

return mirror
