local ci = require "ci"
local c = ci.config()
local function fetch() return ci.http.get("https://example.org/workers.json").json end
c.workers = fetch()
return c
