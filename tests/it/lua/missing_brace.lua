local ci = require "ci"
local c = ci.config()
c.workers = {
  ci.worker { name = "a", password = "correct",
  ci.worker { name = "b", password = "correct" },
}
c.title = "x"
return c
