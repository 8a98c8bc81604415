local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "correct" } }
c.builders = { ci.builder { name = "linux", workers = { "w" }, factory = { ci.steps.shell { command = "true" } } } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "linux" } } }
c.reporters = {
  ci.reporters.mail { fromaddr = "x@y" },
  ci.reporters.mail { from = "nobody", extra_recipients = { "a@b.c", "b c" } },
  ci.reporters.mail { from = "x@y.z", send_to_interested_users = false },
  ci.reporters.mail { from = "x@y.z", use_tls = true, use_smtps = true, smtp_user = "u", lookup = "@x" },
}
return c
