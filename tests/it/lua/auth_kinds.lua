local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.www = { auth = ci.auth.oidc { client_id = "x", issuer = "example.org" } }
local github = ci.auth.github { client_id = "x", client_secret = "yyyy", get_teams_membership = true }
local ldap = ci.auth.ldap_user_info { uri = "http://ldap", group_base = "g" }
local custom = ci.auth.custom { check = "password" }
return c
