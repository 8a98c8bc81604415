-- Runs ninja.

local ci = require "ci"

return ci.step_type {
  name = "ninja",
  options = {
    targets = "(string|string[])?", -- default: the build file's own
    directory = "string?", -- `ninja -C`
    jobs = "integer?",
    keep_going = "integer?", -- after how many failures it ends; 0 = never (default 1)
    options = "scalar[]?",
    ninja = "string?",
  },
  defaults = { halt_on_failure = true, description = "building", description_done = "build" },
  run = function(step, o)
    local command = {
      o.ninja or "ninja",
      o.directory and { "-C", o.directory },
      o.jobs and { "-j", o.jobs },
      o.keep_going and { "-k", o.keep_going },
      o.options,
      o.targets,
    }
    return step:run({ command = command }).results
  end,
}
