-- Runs pytest. No tests at all is its exit code 5, which is a failure here too.

local ci = require "ci"
local retests = require "ci.retests"

return ci.step_type {
  name = "pytest",
  options = {
    paths = "(string|string[])?", -- files and folders of tests; default: what its configuration says
    markers = "string?", -- `pytest -m`, such as "not slow"
    keywords = "string?", -- `pytest -k`
    jobs = "integer?", -- of the plugin xdist
    junit = "string?", -- where it writes its report, which is read
    options = "scalar[]?",
    python = "string?", -- default "python3"
  },
  defaults = { description = "testing" },
  check = function(o) return retests.check(o, true) end,
  run = function(step, o)
    local command = {
      { o.python or "python3", "-m", "pytest" },
      o.markers and { "-m", o.markers },
      o.keywords and { "-k", o.keywords },
      o.jobs and { "-n", o.jobs },
      o.junit and "--junit-xml=" .. o.junit,
      o.options,
      o.paths,
    }
    -- The report that it writes is read, unless the step says what is.
    local reports = o.test_results or o.junit and "junit:" .. o.junit or nil
    return step:run({
      command = command,
      test_results = reports,
      -- It has kept their names itself, in .pytest_cache.
      retry_command = function() return { command, "--last-failed", "--last-failed-no-failures", "none" } end,
    }).results
  end,
}
