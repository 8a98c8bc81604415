local ci = require "ci"
return {
  ci.worker { name = "a", password = "correct" },
  ci.worker { name = "b", password = "correct"
}
