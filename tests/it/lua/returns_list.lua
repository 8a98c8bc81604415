local ci = require "ci"
local c = ci.config()
c.builders = {
  ci.builder { name = "b", workers = { "w" }, factory = {} },
}
return c.builders
