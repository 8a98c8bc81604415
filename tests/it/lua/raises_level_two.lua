local ci = require "ci"
local function port(text)
  if not tonumber(text) then error("a port is a number, not " .. text, 2) end
  return tonumber(text)
end
local c = ci.config()
c.www = { port = port "web" }
return c
