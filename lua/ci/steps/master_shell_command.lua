-- Runs a command on the master, as the user that the master runs as; its exit code is the result.

local ci = require "ci"

return ci.step_type {
  name = "master_shell_command",
  options = {
    command = "string|scalar[]", -- text for the shell, or a program and its arguments
  },
  check = function(o)
    for _, name in ipairs { "logfiles", "lazylogfiles", "log_encoding" } do
      if o[name] then return false, ("`%s` is for commands of workers"):format(name) end
    end
    return true
  end,
  run = function(step, o) return step:run_on_master { command = o.command }.results end,
}
