local ci = require "ci"
local c = ci.config()
setmetatable({}, { __gc = function() end })
return c
