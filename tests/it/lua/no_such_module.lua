local ci = require "ci"
local c = ci.config()
local m = require "no.such.module"
return c
