-- Asks a server with any method; a status below 400 is a success.

local ci = require "ci"
local request = require "ci.request"

local options = { method = "string" } -- GET, POST …
for name, shape in pairs(request.options) do options[name] = shape end

return ci.step_type {
  name = "http",
  options = options,
  check = function(o)
    if type(o.method) == "string" and not o.method:find "^%a+$" then
      return false, ("`method` is a word such as \"GET\", not %q"):format(o.method)
    end
    return request.check_sent(o)
  end,
  run = function(step, o) return request.run(step, o, o.method:upper()) end,
}
