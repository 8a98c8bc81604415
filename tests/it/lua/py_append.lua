local ci = require "ci"
local c = ci.config()
local workers = {}
workers.append(ci.worker { name = "w", password = "correct" })
return c
