local ci = require "ci"
local c = ci.config()
for i = 1, 3 do
  if i == 2 then goto continue end
end
return c
