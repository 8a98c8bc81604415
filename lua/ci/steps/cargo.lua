-- Runs cargo: `cargo +TOOLCHAIN COMMAND …`.

local ci = require "ci"
local retests = require "ci.retests"

-- Without it the programs behind one that fails would not run at all, and nobody would miss their tests.
local function runs_all(o)
  local words = ci.list.flatten(o.command)
  local is_wanted = o.retry_failed_tests and words[1] == "test" and not ci.list.contains(words, "--no-fail-fast")
  return is_wanted and "--no-fail-fast"
end

return ci.step_type {
  name = "cargo",
  options = {
    command = "string|string[]", -- such as "test", or { "clippy", "--all-targets" }
    toolchain = "string?", -- such as "nightly", of rustup
    packages = "(string|string[])?",
    features = "(string|string[])?", -- or "all"
    default_features = "boolean?", -- default true
    release = "boolean?",
    profile = "string?",
    target = "string?",
    locked = "boolean?", -- fail when Cargo.lock would change
    manifest_path = "string?",
    jobs = "integer?",
    arguments = "scalar[]?", -- for what cargo runs, after `--`
    cargo = "string?",
  },
  defaults = { halt_on_failure = true },
  check = function(o)
    if o.release and o.profile then return false, "give one of `release` and `profile`" end
    return retests.check(o, true)
  end,
  run = function(step, o)
    local features = ci.list.flatten(o.features)
    local command = {
      o.cargo or "cargo",
      o.toolchain and "+" .. o.toolchain,
      o.command,
      runs_all(o),
      ci.list.map(ci.list.flatten(o.packages), function(name) return { "--package", name } end),
      o.features == "all" and "--all-features" or #features > 0 and { "--features", table.concat(features, ",") },
      o.default_features == false and "--no-default-features",
      o.release and "--release",
      o.profile and { "--profile", o.profile },
      o.target and { "--target", o.target },
      o.locked and "--locked",
      o.manifest_path and { "--manifest-path", o.manifest_path },
      o.jobs and { "--jobs", o.jobs },
    }
    return step:run({
      command = { command, o.arguments and { "--", o.arguments } },
      -- libtest takes several names; programs without such a test run none.
      retry_command = function(names) return { command, "--", o.arguments or {}, "--exact", names } end,
    }).results
  end,
}
