-- Actions by Buildbot's names.
local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = { ci.builder { name = "b", workers = "w", factory = {} } }
c.schedulers = { ci.schedulers.force { name = "f", builders = "b" } }
c.www = {
  authz = ci.authz {
    roles = { admins = { "ann" } },
    allow = {
      view_builds = "admins",
      any = "admins",
      enable_scheduler = "admins",
      force_build = "admins",
      stop = { role = "admins", default_deny = false },
    },
  },
}
return c
