local ci = require "ci"
local c = ci.config()
local s = ci.secret_file "secret.txt"
c.url = s
error("the token is " .. s)
