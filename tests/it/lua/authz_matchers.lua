local ci = require "ci"
local c = ci.config()
c.www = { authz = ci.authz { allow = { ci.authz.any_endpoint_matcher { role = "admins" } } } }
return c
