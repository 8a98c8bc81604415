local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
local mine = ci.step_type {
  name = "mine",
  options = { preset = "string?", config = "string?" },
  check = function(o) return (o.preset == nil) ~= (o.config == nil), "give one of preset and config" end,
  run = function() end,
}
c.builders = {
  ci.builder {
    name = "b", workers = { "w" },
    factory = { mine { name = "Mine" } },
  },
}
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } }, }
return c
