local ci = require "ci"
local c = ci.config()
local function platform(name)
  return name
end
end
c.title = platform "linux"
return c
