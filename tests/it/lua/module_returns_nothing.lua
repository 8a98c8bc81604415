local ci = require "ci"
local c = ci.config()
c.workers = require("parts.silent").workers
return c
