local ci = require "ci"
local again = require "require_itself"
return again
