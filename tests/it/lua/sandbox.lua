local ci = require "ci"
local c = ci.config()
os.execute "ls"
return c
