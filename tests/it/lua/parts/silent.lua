local ci = require "ci"
local workers = { ci.worker { name = "a", password = "correct" } }
