local ci = require "ci"
local c = ci.config()
c.workers = { ci.worker { name = "w", password = "pw" } }
c.builders = { ci.builder { name = "b", workers = { "w" }, factory = {
  ci.steps.artifact { keep = 5 },
  ci.steps.artifact { paths = "a", keep = 0 },
  ci.steps.artifact { paths = "a", keep = "always" },
  ci.steps.artifact { path = "a" },
  ci.steps.fetch_artifact { builder = 5 },
  ci.steps.fetch_artifact { name = "x", file = "a" },
} } }
c.schedulers = { ci.schedulers.force { name = "f", builders = { "b" } } }
c.www = {
  port = 8012,
  artifacts = {
    dir = "",
    keep = { per = "branch" },
    max_size = 0,
    path = "x",
  },
}
return c
