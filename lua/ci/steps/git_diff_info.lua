-- Says in which lines of which files the checkout differs from where it left another branch.

local ci = require "ci"
local names = require "ci.git.names"

local MOST <const> = 20000 -- places; a property is no place for more

local PLAIN = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v" }

-- A name as git writes it: in quotes when there is something odd in it, and with a tab behind blanks.
local function name_of(text)
  local quoted = text:match '^"(.*)"\t?$'
  local name = quoted and quoted:gsub("\\(.)(%d?%d?)", function(c, digits)
    if c:find "%d" then return string.char(tonumber(c .. digits, 8) & 255) end
    return (PLAIN[c] or c) .. digits
  end) or text:gsub("\t$", "")
  -- A property is text.
  return utf8.len(name) and name or (name:gsub("[\128-\255]", function(c) return ("\\%03o"):format(c:byte()) end))
end

-- Reads the lines of `git diff --unified=0`. What a place has added and removed is skipped by its count: such
-- lines may look like anything.
local function reader()
  local files, file, skipped, places = {}, nil, 0, 0
  return files, function(line)
    if skipped > 0 then
      if line:sub(1, 1) ~= "\\" then skipped = skipped - 1 end
      return
    end
    local ss, sl, ts, tl = line:match "^@@ %-(%d+),?(%d*) %+(%d+),?(%d*) @@"
    if line:find "^diff %-%-git " then
      -- The same name twice; for others there are more lines.
      local both = line:sub(12)
      local name = name_of(both:sub(1, #both // 2))
      file = { source_file = name, target_file = name, is_binary = false, is_rename = false, hunks = ci.json.array {} }
      files[#files + 1] = file
    elseif ss and file then
      sl, tl = tonumber(sl) or 1, tonumber(tl) or 1
      skipped, places = sl + tl, places + 1
      if places > MOST then error(("more than %d places differ."):format(MOST)) end
      file.hunks[#file.hunks + 1] = { ss = tonumber(ss), sl = sl, ts = tonumber(ts), tl = tl }
    elseif file then
      local key, name = line:match "^(%-%-%-) (.*)"
      if not key then key, name = line:match "^(%+%+%+) (.*)" end
      if not key then key, name = line:match "^(rename %l+) (.*)" end
      if key == "---" or key == "rename from" then file.source_file = name_of(name) end
      if key == "+++" or key == "rename to" then file.target_file = name_of(name) end
      if key == "rename to" then file.is_rename = true end
      if line:find "^Binary files " then file.is_binary = true end
    end
  end
end

return ci.step_type {
  name = "git_diff_info",
  options = {
    compare_to_ref = "string?", -- default "master"
    data_name = "string?", -- of the property; default "diffinfo-" and the ref
  },
  defaults = { description = "comparing" },
  run = function(step, o)
    local ref = o.compare_to_ref or "master"
    if not names.is_ref(ref) then step:fail(("%q is no name that can be compared with."):format(ref)) end
    local base = step:run { command = { "git", "merge-base", "HEAD", ref }, log = "merge-base", collect = true }
    if base.results ~= "success" then return base.results end
    local commit = ci.text.trim(base.stdout)
    if not names.is_hex(commit) then step:fail(("git merge-base said %q, which is no commit."):format(commit)) end
    local diff = { "diff", "--no-prefix", "--unified=0", "--find-renames", "--no-color", "--no-ext-diff" }
    local files, on_line = reader()
    local ran = step:run {
      command = { "git", "-c", "core.quotePath=false", diff, commit, "HEAD", "--" },
      want_stderr = false,
      on_line = on_line,
    }
    if ran.results ~= "success" then return ran.results end
    step:set_property(o.data_name or "diffinfo-" .. ref, ci.json.array(files), "GitDiffInfo")
    step:set_summary(("%d files differ from %s"):format(#files, ref))
  end,
}
