-- Runs the tests of a CMake project.

local ci = require "ci"
local retests = require "ci.retests"

-- Matches what one of the expressions matches.
local function matching(option, list)
  list = ci.list.flatten(list)
  return #list > 0 and { option, table.concat(list, "|") }
end

return ci.step_type {
  name = "ctest",
  options = {
    preset = "string?",
    build_config = "string?", -- of generators with several, such as "Release"
    labels = "(string|string[])?", -- only tests with one of these (regular expressions)
    exclude_labels = "(string|string[])?",
    tests = "(string|string[])?", -- only tests whose names match one of these (regular expressions)
    exclude_tests = "(string|string[])?",
    jobs = "integer?",
    junit = "string?", -- where it writes its report, which is read (CMake 3.21)
    output_on_failure = "boolean?", -- default true
    options = "scalar[]?",
    ctest = "string?",
  },
  defaults = { description = "testing" },
  check = function(o) return retests.check(o, true) end,
  run = function(step, o)
    local command = {
      o.ctest or "ctest",
      o.preset and { "--preset", o.preset },
      o.build_config and { "--build-config", o.build_config },
      o.output_on_failure ~= false and "--output-on-failure",
      matching("--label-regex", o.labels),
      matching("--label-exclude", o.exclude_labels),
      matching("--tests-regex", o.tests),
      matching("--exclude-regex", o.exclude_tests),
      o.jobs and { "--parallel", o.jobs },
      o.junit and { "--output-junit", o.junit },
      o.options,
    }
    return step:run({
      command = command,
      -- The report that it writes is read, unless the step says what is.
      test_results = o.test_results or o.junit and "junit:" .. o.junit or nil,
      -- It has kept their names itself.
      retry_command = function() return { command, "--rerun-failed" } end,
    }).results
  end,
}
