local ci = require "ci"
local c = ci.config()
ci.scheduler_type "weekly"
local idle = ci.scheduler_type { name = "idle", options = { builders = "string", n = "integr" } }
local weekly = ci.scheduler_type {
  name = "weekly",
  options = { hour = "integer", say = "string?" },
  on_timr = function() end,
  on_timer = "08:00",
  on_change = function() end,
  check = function(o) return o.hour ~= 13, "nobody builds at 13" end,
}
local tell = ci.reporter_type { name = "tell", options = { url = "string" }, events = { "build_ended" } }
local say = ci.reporter_type { name = "say", send = function() end }
local hook = ci.hook_type { name = "hook", read = function() end, token_header = "X Token", verify = function() end }
local both = ci.hook_type { name = "both", read = function() end, token_header = "x-t", signature_header = "x-s" }
local plain = ci.hook_type { name = "plain", read = function() end }
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = { ci.builder { name = "b", workers = c.workers, factory = { ci.steps.shell { command = "make" } } } }
c.schedulers = {
  weekly { name = "a", builders = { "b" } },
  weekly { name = "b", builders = { "bb" }, hour = "8", huor = 9 },
  weekly { name = "c", builders = c.builders, hour = 13, say = ci.property "x" },
  idle { name = "d", builders = c.builders },
}
c.reporters = {
  tell { url = "https://example.org" },
  say { name = "s", events = "build_finshed", url = "x" },
}
c.www = { change_hooks = {
  ["a/b"] = plain { secret = "s" },
  github = plain { secret = "s" },
  open = plain {},
  plain = { secret = "s" },
} }
return c
