-- A step type's own functions that fail while the configuration loads.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local waits = ci.step_type { name = "waits", check = function() ci.sleep(1) end, run = function() end }
local raises = ci.step_type { name = "raises", check = function(o) return o.jobs > 1 end, run = function() end }
local renames = ci.step_type { name = "renames", rename = function(name) return name:uper() end, run = function() end }
c.builders = { ci.builder { name = "b", workers = "w", factory = { waits {}, raises {}, renames {} } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
return c
