-- Tags the commit that is checked out.

local ci = require "ci"
local names = require "ci.git.names"

return ci.step_type {
  name = "git_tag",
  options = {
    tag = "string",
    annotated = "boolean?",
    messages = "(string|string[])?", -- of an annotated tag
    force = "boolean?", -- replace one of this name
  },
  defaults = { halt_on_failure = true, description = "tagging", description_done = "tag" },
  check = function(o)
    if (o.annotated == true) ~= (o.messages ~= nil) then return false, "an annotated tag has `messages`, and no other has" end
    return true
  end,
  run = function(step, o)
    if not names.is_ref(o.tag) then step:fail(("%q is no name for a tag."):format(o.tag)) end
    local messages = ci.list.map(ci.list.flatten(o.messages), function(text) return { "-m", text } end)
    local command = { "git", "tag", o.annotated and "-a", o.force and "--force", messages, "--", o.tag }
    return step:run({ command = command }).results
  end,
}
