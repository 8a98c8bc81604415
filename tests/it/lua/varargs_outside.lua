local ci = require "ci"
local c = ci.config()
local function f() return ... end
return c
