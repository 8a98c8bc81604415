-- Configures a CMake project: `cmake -G GENERATOR PATH -DNAME=VALUE … OPTIONS`, or by a preset.

local ci = require "ci"

-- A list keeps its order, because CMake reads it so; a map has none and is written by its names.
local function defines(definitions)
  local out = {}
  for key, value in pairs(definitions or {}) do
    if value == true then value = "ON" end
    if value == false then value = "OFF" end
    out[#out + 1] = "-D" .. (math.type(key) and tostring(value) or key .. "=" .. tostring(value))
  end
  return out
end

return ci.step_type {
  name = "cmake",
  options = {
    path = "string?", -- of the source; default: what the preset says, or the work directory
    generator = "string?",
    definitions = "(map|scalar[])?", -- NAME = value, or a list of "NAME=value" and "NAME:TYPE=value"
    options = "scalar[]?", -- further arguments
    preset = "string?",
    build_dir = "string?", -- where it writes; default: the work directory
    cmake = "string?",
  },
  defaults = { halt_on_failure = true, description = "running cmake", description_done = "cmake" },
  run = function(step, o)
    local command = {
      o.cmake or "cmake",
      o.generator and { "-G", o.generator },
      o.preset and { "--preset", o.preset },
      o.build_dir and { "-B", o.build_dir },
      o.path,
      defines(o.definitions),
      o.options,
    }
    return step:run({ command = command }).results
  end,
}
