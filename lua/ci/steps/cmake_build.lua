-- Builds a configured CMake project, whatever its generator.

local ci = require "ci"

return ci.step_type {
  name = "cmake_build",
  options = {
    build_dir = "string?", -- default: what the preset says, or the work directory
    preset = "string?",
    targets = "(string|string[])?", -- default: all
    config = "string?", -- of generators with several, such as "Release"
    jobs = "integer?",
    options = "scalar[]?", -- for the build tool itself
    cmake = "string?",
  },
  defaults = { halt_on_failure = true, description = "building", description_done = "build" },
  run = function(step, o)
    local targets = ci.list.flatten(o.targets)
    local command = {
      { o.cmake or "cmake", "--build" },
      o.preset and { "--preset", o.preset },
      o.build_dir or not o.preset and ".",
      o.config and { "--config", o.config },
      o.jobs and { "--parallel", o.jobs },
      #targets > 0 and { "--target", targets },
      o.options and { "--", o.options },
    }
    return step:run({ command = command }).results
  end,
}
