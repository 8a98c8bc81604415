-- Keeps files with the build, in the master's store: the build's page lists them, later builds fetch them
-- (`ci.steps.fetch_artifact`), people download them (`halide-ci artifact get`).

local ci = require "ci"

local function slashes(path) return (path:gsub("\\", "/")) end

-- What a file is called: its path below the folder that the pattern names without wildcards.
local function name_of(file, pattern)
  local folder = slashes(pattern):match("^[^*?[]*"):match "^.*/" or ""
  file = slashes(file)
  if file:sub(1, #folder) == folder then return file:sub(#folder + 1) end
  return ci.path.basename(file)
end

local function in_words(bytes)
  for _, unit in ipairs { "B", "kB", "MB" } do
    if bytes < 1000 then return ("%.3g %s"):format(bytes, unit) end
    bytes = bytes / 1000
  end
  return ("%.3g GB"):format(bytes)
end

-- Whether `keep` can be one; what is inside a table is read when the step runs.
local function fits(keep)
  if type(keep) == "number" then return keep >= 1 and keep % 1 == 0 end
  if type(keep) == "string" then return keep == "forever" end
  return keep == nil or type(keep) == "table"
end

-- What is to be kept: { src, name, is_directory }.
local function look(step, pattern)
  local path = ci.path.join(step.workdir, (pattern:gsub("/+$", "")))
  local is_pattern, wants_folders = pattern:find "[*?[]" ~= nil, pattern:find "/$" ~= nil
  local found = {}
  for _, src in ipairs(is_pattern and step:glob(path) or { path }) do
    local stat = step:stat(src)
    local is_directory = stat ~= nil and stat.is_directory
    -- A pattern takes files, one that ends in "/" directories; a path takes what is there.
    if not is_pattern or is_directory == wants_folders then
      local name = is_pattern and name_of(src, path) or ci.path.basename(slashes(src))
      found[#found + 1] = { src = src, name = is_directory and name .. ".tar.gz" or name, is_directory = is_directory }
    end
  end
  return found
end

return ci.step_type {
  name = "artifact",
  options = {
    paths = "string|string[]", -- files, directories, patterns; relative to `workdir`
    keep = "any?", -- 5, "forever", { builds = 5, per = "branch", days = 30 }
    max_size = "integer?", -- bytes, of each file
    optional = "boolean?", -- nothing to keep is no failure
  },
  defaults = { halt_on_failure = true, description = "keeping" },
  check = function(o) return fits(o.keep), '`keep` is 5, "forever", or { builds = 5, per = "branch", days = 30 }' end,
  run = function(step, o)
    local from, bytes, count = {}, 0, 0
    for _, pattern in ipairs(ci.list.flatten { o.paths }) do
      for _, file in ipairs(look(step, pattern)) do
        local name = file.name
        if from[name] then step:fail(("%s and %s would be the same artifact, %s."):format(from[name], file.src, name)) end
        from[name] = file.src
        local ok, kept = pcall(step.keep_artifact, step, {
          workersrc = file.src,
          name = name,
          directory = file.is_directory,
          keep = o.keep,
          max_size = o.max_size,
        })
        if not ok then step:fail(tostring(kept)) end
        bytes, count = bytes + kept.size, count + 1
      end
    end
    if count == 0 and not o.optional then step:fail "no file was found" end
    step:set_summary(("kept %d %s, %s"):format(count, count == 1 and "file" or "files", in_words(bytes)))
  end,
}
