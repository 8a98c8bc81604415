local ci = require "ci"
local c = ci.config()
for i = 1, 3
  c.title = tostring(i)
end
return c
