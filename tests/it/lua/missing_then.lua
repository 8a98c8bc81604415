local ci = require "ci"
local c = ci.config()
local name = "linux"
if name == "linux"
  c.title = name
end
return c
