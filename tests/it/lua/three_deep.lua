local ci = require "ci"
local c = ci.config()

local function platform(name)
  if name == "plan9" then error("no platform is called " .. name) end
  return { name = name }
end

local function variants(names)
  return ci.list.map(names, function(name) return platform(name) end)
end

local function builders()
  local out = variants { "linux", "plan9" }
  return out
end

c.builders = builders()
return c
