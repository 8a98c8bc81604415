-- Warnings in what a command prints: counted, without those that are suppressed, and collected in a log
-- of their own. The steps `compile` and `warning_counting_shell` are made of it, and others may be.

local ci = require "ci"
local warnings = {}

warnings.options = {
  command = "string|scalar[]",
  warning_pattern = "string?", -- regular expression, from a line's beginning
  warning_extractor = '("whole_line"|"groups"|function)?', -- function(line, groups) → file, line number, text
  max_warn_count = "integer?",
  directory_enter_pattern = "string?", -- its first group is where the files of what follows are
  directory_leave_pattern = "string?",
  suppression_file = "string?", -- on the worker, relative to `workdir`
  suppression_list = "map[]?", -- each { file, text, first, last }
}

local WARNING <const> = "(?i).*warning[: ].*"
local ENTER <const> = "make.*: Entering directory [’\"`'](.*)[’'`\"]"
local LEAVE <const> = "make.*: Leaving directory"
-- `FILE : TEXT`, `FILE : TEXT : LINE`, `FILE : TEXT : FIRST-LAST`
local SUPPRESSION = ci.regex "^\\s*(.+?)\\s*:\\s*(.+?)\\s*(?::\\s*([0-9]+)(?:-([0-9]+))?\\s*)?$"

local function from_beginning(pattern) return ci.regex("^(?:" .. pattern .. ")") end

-- What is wrong with the options, as far as they are known before there is a build.
function warnings.check(o)
  for _, name in ipairs { "warning_pattern", "directory_enter_pattern", "directory_leave_pattern" } do
    local pattern = o[name]
    local ok, why = pcall(from_beginning, type(pattern) == "string" and pattern or "")
    if not ok then return false, ("`%s`: %s"):format(name, why) end
  end
  return true
end

local function groups(line, captured)
  if #captured < 2 then error("`warning_pattern` needs groups for the file, the line and the text, or for two of them.") end
  if #captured == 2 then return captured[1], nil, captured[2] end
  return captured[1], tonumber(captured[2]), captured[3] or line
end

local function whole_line(line) return nil, nil, line end

-- The rules of a file, a line each; `#` begins a comment.
local function read_rules(text)
  local rules = {}
  for n, line in ipairs(ci.text.lines(text)) do
    if line:find "%S" and not line:find "^%s*#" then
      local file, words, first, last = SUPPRESSION:match(line)
      if not file then error(("line %d of the suppression file is not `FILE : TEXT : FIRST-LAST`."):format(n)) end
      rules[#rules + 1] = { file = file, text = words, first = tonumber(first), last = tonumber(last or first) }
    end
  end
  return rules
end

local function suppressor(rules)
  local compiled = ci.list.map(rules, function(rule)
    return {
      file = rule.file and from_beginning(rule.file),
      text = rule.text and ci.regex(rule.text),
      first = rule.first or 0,
      last = rule.last or rule.first or math.huge,
    }
  end)
  return function(file, line, text)
    return ci.list.find(compiled, function(rule)
      if rule.file and not (file and rule.file:matches(file)) then return false end
      if rule.text and not rule.text:matches(text) then return false end
      return not line or line >= rule.first and line <= rule.last
    end) ~= nil
  end
end

-- Runs the command and counts; returns the step's result.
function warnings.run(step, o, command)
  local rules = ci.list.map(o.suppression_list or {}, function(rule) return rule end)
  if o.suppression_file then
    local path = ci.path.join(step.workdir, o.suppression_file)
    for _, rule in ipairs(read_rules(step:read_file(path))) do rules[#rules + 1] = rule end
  end
  local is_suppressed = suppressor(rules)
  local patterns = { o.warning_pattern or WARNING, o.directory_enter_pattern or ENTER, o.directory_leave_pattern or LEAVE }
  local pattern, enter, leave = table.unpack(ci.list.map(patterns, from_beginning))
  -- Most lines are none of these, and never come here.
  local any = "^(?:" .. table.concat(ci.list.map(patterns, function(p) return "(?:" .. p .. ")" end), "|") .. ")"
  local extract = o.warning_extractor == "groups" and groups or o.warning_extractor
  if extract == nil or extract == "whole_line" then extract = whole_line end

  local found, directories = {}, {}
  local ran = step:run({ command = command, line_filter = any, on_line = function(line, _, at)
    local directory = enter:match(line)
    if directory then
      directories[#directories + 1] = directory
    elseif leave:matches(line) then
      directories[#directories] = nil
    end
    if not pattern:matches(line) then return end
    local file, number, text = extract(line, { pattern:match(line) })
    if file and #directories > 0 then file = ci.path.join(directories[#directories], file) end
    if is_suppressed(file, number, text or line) then return end
    -- Pages make a link of where it stands.
    found[#found + 1] = at and ("stdio#L%d: %s"):format(at, line) or line
  end })

  local count = #found
  if count > 0 then
    local log = step:add_log(("warnings (%d)"):format(count), "text")
    log:stdout(table.concat(found, "\n") .. "\n")
    log:finish()
  end
  step:set_statistic("warnings", step:statistic("warnings", 0) + count)
  step:set_property("warnings-count", (step:property "warnings-count" or 0) + count, "WarningCountingShellCommand")
  local is_too_much = o.max_warn_count and count > o.max_warn_count
  if is_too_much then step:set_summary(("%d warnings, more than %d"):format(count, o.max_warn_count)) end
  if ran.results ~= "success" then return ran.results end
  return is_too_much and "failure" or count > 0 and "warnings" or "success"
end

return warnings
