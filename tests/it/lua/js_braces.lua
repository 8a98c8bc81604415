local ci = require "ci"
local c = ci.config()
local a = 1
if (a == 1) {
  c.title = "x"
}
return c
