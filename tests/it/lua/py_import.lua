local ci = require "ci"
local c = ci.config()
import os
return c
