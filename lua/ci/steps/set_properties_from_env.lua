-- Makes properties of the worker's environment variables; those that it does not have are left alone.

local ci = require "ci"

return ci.step_type {
  name = "set_properties_from_env",
  options = {
    variables = "string|string[]",
    source = "string?", -- of the properties; default "WorkerEnvironment"
  },
  defaults = { description = "Setting", description_done = "Set" },
  run = function(step, o)
    local info = step.build.worker.info
    local environ = info.environ or {}
    -- Windows takes Path for PATH; the property has the name that was asked for.
    if info.system == "nt" then
      local upper = {}
      for name, value in pairs(environ) do upper[name:upper()] = value end
      environ = setmetatable({}, { __index = function(_, name) return upper[name:upper()] end })
    end
    local values, names = {}, {}
    for _, name in ipairs(ci.list.flatten { o.variables }) do
      local value = environ[name]
      if value ~= nil then
        values[name], names[#names + 1] = value, name
      end
    end
    if #names > 0 then step:set_properties(values, o.source or "WorkerEnvironment") end
    step:add_log("properties", "text"):stdout(table.concat(ci.list.map(names, function(name)
      return ("%s = %s\n"):format(name, ci.json.encode(values[name]))
    end)))
  end,
}
