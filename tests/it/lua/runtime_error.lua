local ci = require "ci"
local c = ci.config()
local function f(t) return t.x.y end
c.title = f {}
return c
