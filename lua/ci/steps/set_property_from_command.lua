-- Runs a command and keeps what it prints as a property, or what `extract` makes of it as several.

local ci = require "ci"

return ci.step_type {
  name = "set_property_from_command",
  options = {
    command = "string|scalar[]",
    property = "string?",
    extract = "function?", -- extract(rc, stdout, stderr) → name → value
    strip = "boolean?", -- default true
    include_stdout = "boolean?", -- default true
    include_stderr = "boolean?", -- default false; `extract` gets it always
  },
  check = function(o)
    return (o.property == nil) ~= (o.extract == nil), "give one of `property` and `extract`"
  end,
  run = function(step, o)
    local ran = step:run { command = o.command, collect = true }
    local values
    if o.extract then
      values = o.extract(ran.rc, ran.stdout or "", ran.stderr or "") or {}
      if type(values) ~= "table" then error "`extract` must return a table of properties." end
    elseif ran.results == "failure" then
      return ran.results -- half an answer is none
    else
      local text = (o.include_stdout == false and "" or ran.stdout or "") .. (o.include_stderr and ran.stderr or "")
      values = { [o.property] = o.strip == false and text or ci.text.trim(text) }
    end
    step:set_properties(values, "SetPropertyFromCommand Step")

    local lines = {}
    for name, value in pairs(values) do lines[#lines + 1] = ("%s: %s\n"):format(name, ci.json.encode(value)) end
    step:add_log("property changes", "text"):stdout(table.concat(lines))
    local name = next(values)
    step:set_summary(#lines == 1 and ("property '%s' set"):format(name) or ("%d properties set"):format(#lines))
    return ran.results
  end,
}
