local ci = require "ci"
return {
  ci.worker { name = "a", password = "correct", max_build = 2 },
  ci.worker { name = "b", password = "correct", max_builds = "2" },
}
