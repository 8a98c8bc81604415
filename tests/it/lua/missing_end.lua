local ci = require "ci"
local c = ci.config()
local function platform(name)
  if name == "linux" then
    return "Linux"
  return name
end
c.title = platform "linux"
return c
