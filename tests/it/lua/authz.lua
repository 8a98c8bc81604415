local ci = require "ci"
local c = ci.config()
c.www = {
  authz = ci.authz { allow = { force = "admin", stopp = "admins" }, roles = { admins = { "me" } } },
  change_hooks = { github = ci.hooks.github { on_pullrequest = print } },
}
return c
