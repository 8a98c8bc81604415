local ci = require "ci"
local c = ci.config()
local os = "linux"
if os == "windows" then
  c.title = "w"
elif os == "linux" then
  c.title = "l"
end
return c
