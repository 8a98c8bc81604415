local ci = require "ci"
local c = ci.config()
c.prioritize_builders = function(builders) return self.sorted(builders) end
c.title = self.title
return c
