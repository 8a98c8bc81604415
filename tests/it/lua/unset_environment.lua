local ci = require "ci"
local c = ci.config()
local artifacts = os.getenv "HALIDE_CI_TEST_NO_SUCH_VARIABLE" .. "/artifacts"
return c
