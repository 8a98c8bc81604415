local ci = require "ci"
error(42)
