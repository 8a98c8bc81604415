local ci = require "ci"
local Refusal = { __tostring = function(self) return self.os.name end }
local function pick() error(setmetatable({}, Refusal)) end
pick()
return ci.config()
