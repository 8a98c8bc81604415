-- Runs the tests of a CMake project.

local ci = require "ci"

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
    output_on_failure = "boolean?", -- default true
    options = "scalar[]?",
    ctest = "string?",
  },
  defaults = { description = "testing" },
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
      o.options,
    }
    return step:run({ command = command }).results
  end,
}
