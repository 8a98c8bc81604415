-- `ci.with_secrets`: a span of steps that find secrets in files on the worker. It is two steps around
-- them, of which the second runs whatever became of the others.

local _, native = ...

local function with_secrets(options)
  local steps = require("ci").steps
  if type(options) ~= "table" then
    native.problem "ci.with_secrets takes one table: { files, steps }."
    return {}
  end
  for key in pairs(options) do
    if key ~= "files" and key ~= "steps" then
      native.problem(("ci.with_secrets has no option `%s`: it takes `files` and `steps`."):format(tostring(key)))
    end
  end
  local files, paths = options.files, {}
  if type(files) ~= "table" or next(files) == nil then
    native.problem "ci.with_secrets needs `files`: path on the worker → secret."
    return {}
  end
  for path in pairs(files) do
    if type(path) ~= "string" then
      native.problem "`files` of ci.with_secrets is a map: path on the worker → secret."
      return {}
    end
    paths[#paths + 1] = path
  end
  return {
    steps.download_secrets_to_worker { files = files },
    options.steps or {},
    steps.remove_worker_file_secret { paths = paths },
  }
end

return { with_secrets = with_secrets }
