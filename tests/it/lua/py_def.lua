local ci = require "ci"
local c = ci.config()
def path(name):
    return "/srv/" + name
return c
