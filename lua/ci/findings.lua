-- What the steps of tools that report something share: a command, the lines in which it reports, and
-- how many there are of each kind.

local findings = {}

-- Runs `command`. `kind_of(line)` names what a line reports, or is nil. Returns what `step:run` does
-- and the counts by kind, which are also statistics of the step (`prefix` and the kind) and stand on
-- its page.
function findings.run(step, command, prefix, kind_of)
  local counts = {}
  local ran = step:run { command = command, on_line = function(line)
    local kind = kind_of(line)
    if kind then counts[kind] = (counts[kind] or 0) + 1 end
  end }
  local said = {}
  for kind, count in pairs(counts) do
    step:set_statistic(prefix .. kind, step:statistic(prefix .. kind, 0) + count)
    said[#said + 1] = ("%d %s"):format(count, kind)
  end
  if #said > 0 then step:set_summary(("%s: %s"):format(step.name, table.concat(said, ", "))) end
  return ran, counts
end

-- The result of a command that reports: its own, and with findings no better than warnings.
function findings.results(ran, counts)
  if ran.results == "success" and next(counts) then return "warnings" end
  return ran.results
end

return findings
