local ci = require "ci"
local c = ci.config()
local names = { "a", "b" }
c.title = names[0]:upper()
return c
