-- Copies a tree on a Windows worker with robocopy.

local ci = require "ci"

-- What its exit codes mean: the bits 1 and 2 are copied and left over files, from 8 on something failed.
local MEANING = {}
for rc = 0, 7 do MEANING[rc] = rc < 4 and "success" or "warnings" end

return ci.step_type {
  name = "robocopy",
  options = {
    source = "string",
    destination = "string",
    files = "string[]?",
    recursive = "boolean?",
    mirror = "boolean?",
    move = "boolean?",
    exclude_files = "string[]?",
    exclude_dirs = "string[]?",
    custom_opts = "scalar[]?",
    verbose = "boolean?",
  },
  check = function(o) return not (o.mirror and o.move), "give one of `mirror` and `move`, not both" end,
  run = function(step, o)
    local command = {
      "robocopy", o.source, o.destination, o.files,
      o.recursive and "/E",
      o.mirror and "/MIR",
      o.move and "/MOVE",
      o.exclude_files and #o.exclude_files > 0 and { "/XF", o.exclude_files },
      o.exclude_dirs and #o.exclude_dirs > 0 and { "/XD", o.exclude_dirs },
      o.verbose and { "/V", "/TS", "/FP" },
      "/NP", -- percentages are no use in a log
      o.custom_opts,
    }
    return step:run({ command = command, decode_rc = MEANING }).results
  end,
}
