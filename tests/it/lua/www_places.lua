local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.www = {
  port = "ssl:8012", interface = 5, cookie_expiration_time = 3, allowed_origins = { "ci.example", "https://x/" },
  theme = { ["bb color"] = "red", color = "red; }" }, plugins = { waterfal_view = true, badges = { style = "round" } },
  change_hook_auth = { bob = 5 }, default_pag = "x",
}
return c
