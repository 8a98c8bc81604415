local ci = require "ci"
dofile "dofile_loop.lua"
return ci.config()
