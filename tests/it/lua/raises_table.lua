local ci = require "ci"
local c = ci.config()
local function check() error { code = 7 } end
check()
return c
