-- Checks C and C++ sources with cppcheck: an error that it finds is a failure, all else are warnings.

local ci = require "ci"
local findings = require "ci.findings"

local KINDS = { "error", "warning", "style", "performance", "portability", "information" }

return ci.step_type {
  name = "cppcheck",
  options = {
    binary = "string?",
    source = "(string[]|string)?",
    enable = "string[]?",
    inconclusive = "boolean?",
    extra_args = "scalar[]?",
  },
  run = function(step, o)
    local command = {
      o.binary or "cppcheck",
      o.enable and #o.enable > 0 and "--enable=" .. table.concat(o.enable, ","),
      o.inconclusive and "--inconclusive",
      o.extra_args,
      o.source or ".",
    }
    -- `[a.c:3]: (style) …` of older ones, `a.c:3:5: style: …` of newer ones.
    local ran, counts = findings.run(step, command, "cppcheck-", function(line)
      local kind = line:match "^%[.+%]: %((%l+)" or line:match ":%d+:%d+: (%l+): "
      return ci.list.contains(KINDS, kind) and kind or nil
    end)
    return counts.error and "failure" or findings.results(ran, counts)
  end,
}
