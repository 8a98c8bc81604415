-- Writes secrets into files that only the worker's user can read. `ci.with_secrets` takes them away again.

local ci = require "ci"

return ci.step_type {
  name = "download_secrets_to_worker",
  options = { files = "map" }, -- path relative to `workdir` → secret
  defaults = { halt_on_failure = true, description = "writing secrets", description_done = "secrets written" },
  run = function(step, o)
    for path, secret in pairs(o.files) do
      if type(secret) ~= "string" then error(("`files` has no text for %s."):format(path)) end
      step:write_file(ci.path.join(step.workdir, path), secret, "0600")
    end
  end,
}
