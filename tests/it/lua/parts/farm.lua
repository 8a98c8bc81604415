local ci = require "ci"
local farm = {}

local secrets = { ["linux-1"] = "correct" }

local function secret_of(name)
  return secrets[name]:upper()
end

local function worker(name)
  local password = secret_of(name)
  return ci.worker { name = name, password = password }
end

function farm.workers(names)
  local out = {}
  for _, name in ipairs(names) do out[#out + 1] = worker(name) end
  return out
end

return farm
