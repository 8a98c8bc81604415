local ci = require "ci"
local c = ci.config {
  title = "x",
  titel = 1,
}
c.builders = { ci.builder { name = "b", workers = "w", factory = {} } }
return c
