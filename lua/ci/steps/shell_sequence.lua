-- Runs several commands, one after the other; each says what its own result means for the step.

local ci = require "ci"

local FLAGS = { "halt_on_failure", "flunk_on_failure", "flunk_on_warnings", "warn_on_failure", "warn_on_warnings" }
local KNOWN = ci.list.flatten { "command", "log", FLAGS }
local SEVERITY = { success = 0, skipped = 0, warnings = 1, failure = 2 }

-- The result so far with that of one more command, and whether the sequence ends here. What is worse
-- than a failure ends it always.
local function judge(flags, result, overall)
  local rank = SEVERITY[result]
  if not rank then return result, true end
  local counts = "success"
  if result == "failure" then
    counts = flags.flunk_on_failure ~= false and "failure" or flags.warn_on_failure and "warnings" or counts
  elseif result == "warnings" then
    counts = flags.flunk_on_warnings and "failure" or flags.warn_on_warnings and "warnings" or counts
  end
  local worse = SEVERITY[counts] > SEVERITY[overall] and counts or overall
  return worse, result == "failure" and flags.halt_on_failure == true
end

-- The commands of a list of them, however deep they stand in it.
local function each(list, out)
  out = out or {}
  for _, entry in pairs(list) do
    if type(entry) == "table" then
      if type(next(entry)) == "string" then out[#out + 1] = entry else each(entry, out) end
    end
  end
  return out
end

return ci.step_type {
  name = "shell_sequence",
  options = { commands = "map[]" }, -- each { command, log, halt_on_failure, flunk_on_failure … }
  check = function(o)
    if type(o.commands) ~= "table" then return true end
    for n, entry in ipairs(each(o.commands)) do
      if entry.command == nil then return false, ("command %d of `commands` has no `command`"):format(n) end
      for key in pairs(entry) do
        local why = ("`%s` is nothing that command %d of `commands` takes; it takes %s"):format(
          key, n, table.concat(KNOWN, ", "))
        if not ci.list.contains(KNOWN, key) then return false, why end
      end
    end
    return true
  end,
  run = function(step, o)
    local overall = "success"
    for _, entry in ipairs(o.commands) do
      local ends
      overall, ends = judge(entry, step:run({ command = entry.command, log = entry.log }).results, overall)
      if ends then break end
    end
    return overall
  end,
}
