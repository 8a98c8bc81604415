local ci = require "ci"
local c = ci.config()
c.title = os.environ["TITLE"]
return c
