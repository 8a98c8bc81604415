local ci = require "ci"
local c = ci.config()
assert(os.getenv "HALIDE_CI_TEST_NO_SUCH_VARIABLE")
return c
