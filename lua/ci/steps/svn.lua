-- Gets the build's source with Subversion 1.10 or later. The branch is part of the address: write it there with
-- `ci.interpolate`.

local ci = require "ci"
local git = require "ci.git"

local PATCH <const> = "/.svn/try.patch"

local function plain(url)
  url = url:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  return (url:gsub("/+$", ""))
end

local function sourcestamp(build, codebase)
  return ci.list.find(build.sourcestamps, function(stamp) return stamp.codebase == codebase end) or {}
end

-- `svn …` in `dir`; the password goes by standard input, where nobody else sees it.
local function client(step, o)
  local who = { "--non-interactive", "--no-auth-cache", o.username and { "--username", o.username } }
  if o.password then who[#who + 1] = "--password-from-stdin" end
  return function(dir, subcommand, ...)
    return step:run {
      command = { "svn", subcommand, who, o.extra_args, ... },
      workdir = dir, initial_stdin = o.password, collect = subcommand == "info" or subcommand == "patch",
    }
  end
end

local function said(svn, dir, what)
  local ran = svn(dir, "info", "--show-item", what)
  return ran.rc == 0 and ci.text.trim(ran.stdout) or nil
end

-- From what is there, which may be nothing, to what is wanted.
local function update(step, o, svn, dir, revision)
  local at = revision and { "--revision", revision }
  local begins_anew = o.mode == "full" and o.method == "clobber"
  -- Where somebody's patch was tried, its new files are left.
  local is_used = step:path_exists(dir .. "/.svn") and not step:path_exists(dir .. PATCH)
  local url = is_used and not begins_anew and said(svn, dir, "url")
  if not url or plain(url) ~= plain(o.repo) then
    step:remove_directory(dir)
    step:make_directory(dir)
    return svn(dir, "checkout", at, o.depth and { "--depth", o.depth }, o.repo, ".").results
  end
  -- What a killed svn left, and what the last build has changed.
  if svn(dir, "cleanup").rc ~= 0 then return "failure" end
  if svn(dir, "revert", "--quiet", "--recursive", ".").rc ~= 0 then return "failure" end
  if o.mode == "full" and o.method ~= "copy" then
    local ignored = o.method ~= "clean" and "--remove-ignored"
    if svn(dir, "cleanup", "--remove-unversioned", ignored).rc ~= 0 then return "failure" end
  end
  return svn(dir, "update", at, ".").results
end

-- `svn patch` succeeds whatever becomes of the patch; what it says of each file tells. Of git's names it strips
-- the first part by itself.
local function apply_patch(step, o, svn, dir, patch)
  step:write_patch(dir .. PATCH, o.codebase or "")
  local where = patch.subdir ~= "" and ci.path.join(dir, patch.subdir) or dir
  local ran = svn(where, "patch", "--strip", math.max(patch.level - 1, 0), dir .. PATCH)
  local wrong = ci.list.find(ci.text.lines(ran.stdout), function(line) return not line:find "^[AUGD]%s" and not line:find "^>" end)
  if ran.rc ~= 0 or wrong then step:fail "the patch does not apply" end
end

return ci.step_type {
  name = "svn",
  options = {
    repo = "string",
    username = "string?",
    password = "string?",
    mode = '"incremental"|"full"?',
    method = '"clobber"|"fresh"|"clean"|"copy"?', -- of mode "full"; default "fresh"
    codebase = "string?",
    depth = '"empty"|"files"|"immediates"|"infinity"?', -- of the checkout
    always_use_latest = "boolean?",
    prefer_last_changed_rev = "boolean?", -- `got_revision` is the last that changed something here
    extra_args = "scalar[]?", -- of every svn command
  },
  defaults = git.defaults,
  rename = git.rename,
  check = function(o)
    if o.method and o.mode ~= "full" then return false, '`method` needs mode = "full"' end
    return (o.password == nil) or o.username ~= nil, "`password` needs `username`"
  end,
  run = function(step, o)
    if not o.repo:find "^%a[%w+.-]*://" or o.repo:find "%c" then step:fail(("%q is no address of a repository"):format(o.repo)) end
    local stamp = sourcestamp(step.build, o.codebase or "")
    local revision = not o.always_use_latest and stamp.revision or nil
    if revision == "" then revision = nil end
    if revision and not revision:find "^%d+$" then step:fail(("the revision %q is no number."):format(revision)) end
    local svn, copied = client(step, o), o.mode == "full" and o.method == "copy"
    local dir = copied and step.workdir .. "-source" or step.workdir
    local results = update(step, o, svn, dir, revision)
    if results ~= "success" then return results end
    if stamp.patch then apply_patch(step, o, svn, dir, stamp.patch) end
    local got = said(svn, dir, o.prefer_last_changed_rev and "last-changed-revision" or "revision")
    if not got then step:fail "svn does not say which revision this is" end
    git.remember(step, "got_revision", o.codebase or "", got, "SVN")
    if copied then
      step:remove_directory(step.workdir)
      step:copy_directory(dir, step.workdir)
    end
  end,
}
