-- Writes what a renderable comes to into the log `output`: text as it is, everything else as JSON.

local ci = require "ci"

return ci.step_type {
  name = "log_renderable",
  options = { content = "any" },
  check = function(o) return o.content ~= nil, "give `content`: what is to be shown" end,
  run = function(step, o)
    local text = type(o.content) == "string" and o.content or ci.json.encode(o.content)
    step:add_log("output", "text"):stdout(text .. "\n")
  end,
}
