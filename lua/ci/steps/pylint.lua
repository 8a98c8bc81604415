-- Runs pylint. What it calls an error, and a wrong use of it, is a failure; all else that it finds are
-- warnings. It says so in the bits of its exit code.

local ci = require "ci"
local findings = require "ci.findings"

local KINDS = { C = "convention", R = "refactor", W = "warning", E = "error", F = "fatal" }
local FATAL, ERROR, USAGE = 1, 2, 32

return ci.step_type {
  name = "pylint",
  options = {
    command = "string|scalar[]", -- text for the worker's shell, or a program and its arguments
  },
  defaults = { flunk_on_failure = true, description = "running pylint" },
  run = function(step, o)
    local ran = findings.run(step, o.command, "pylint-", function(line)
      return KINDS[line:match ":%d+: %[?([CRWEF])%d%d%d%d%f[%D]"]
    end)
    if ran.results == "success" then return "success" end
    local is_known = ran.failure_reason == nil and ran.rc > 0 and ran.rc < 2 * USAGE
    if not is_known or ran.rc & (FATAL | ERROR | USAGE) ~= 0 then return "failure" end
    return "warnings"
  end,
}
