local ci = require "ci"
local c = ci.config()
for _, builder in ipairs(c.builders) do print(builder.name) end
return c
