local ci = require "ci"
local c = ci.config()
<<<<<<< HEAD
c.title = "ours"
=======
c.title = "theirs"
>>>>>>> branch
return c
