local ci = require "ci"
local function configuration()
  local c = ci.config()
  return c
end
return configuration
