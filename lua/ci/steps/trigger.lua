-- Starts builds through schedulers that can be triggered, and waits for them if that is wanted. Which
-- ones a step of one's own triggers it may decide as it runs: see `step:trigger`.

local ci = require "ci"

-- A scheduler may stand for its name; what a renderable will be is not known yet.
local function name_of(scheduler)
  if type(scheduler) ~= "table" then return scheduler end
  local known, name = pcall(function() return scheduler.name end)
  return known and name or nil
end

-- The names that are known before there is a build; nil when they are not known.
local function names_of(schedulers)
  local out = {}
  for _, scheduler in ipairs(ci.list.flatten(schedulers)) do
    local name = name_of(scheduler)
    if type(name) ~= "string" then return nil end
    out[#out + 1] = name
  end
  return out
end

-- The first of `some` that is not among `all`.
local function stranger(some, all)
  return ci.list.find(some, function(name) return not ci.list.contains(all, name) end)
end

local function is_list(value) return type(value) == "table" or type(value) == "string" end

return ci.step_type {
  name = "trigger",
  options = {
    schedulers = "scheduler[]|scheduler",
    unimportant_schedulers = "(scheduler[]|scheduler)?",
    sourcestamp = "map?",
    sourcestamps = "map[]?",
    update_sourcestamp = "boolean?",
    always_use_latest = "boolean?",
    wait_for_finish = "boolean?",
    set_properties = "map?",
    copy_properties = "string[]?",
    parent_relationship = "string?",
  },
  check = function(o)
    local given = o.sourcestamp and "sourcestamp" or o.sourcestamps and "sourcestamps"
    local latest = o.always_use_latest
    if given and latest then return false, ("give one of `%s` and `always_use_latest`"):format(given) end
    local other = given or latest and "always_use_latest"
    if other and o.update_sourcestamp ~= nil then
      return false, ("`update_sourcestamp` is about the build's own source; leave it or `%s` out"):format(other)
    end
    if not is_list(o.schedulers) then return true end
    local names = names_of(o.schedulers)
    if names and #names == 0 then return false, "`schedulers` names no scheduler" end
    local some = is_list(o.unimportant_schedulers) and names_of(o.unimportant_schedulers)
    local who = names and some and stranger(some, names)
    if who then return false, ("%q is in `unimportant_schedulers` and not in `schedulers`"):format(who) end
    return true
  end,
  run = function(step, o)
    local names, unimportant = names_of(o.schedulers), names_of(o.unimportant_schedulers or {})
    local who = stranger(unimportant, names)
    if who then error(("%q is in `unimportant_schedulers` and not in `schedulers`."):format(who)) end
    local properties = {}
    for name, value in pairs(o.set_properties or {}) do properties[name] = value end
    for _, name in ipairs(o.copy_properties or {}) do
      local value = step:property(name)
      if value ~= nil then properties[name] = value end
    end
    local entries = ci.list.map(names, function(name)
      return { name = name, unimportant = ci.list.contains(unimportant, name) }
    end)
    local sourcestamps = ci.list.map(o.sourcestamps or {}, function(stamp) return stamp end)
    sourcestamps[#sourcestamps + 1] = o.sourcestamp
    return step:trigger({
      schedulers = entries,
      sourcestamps = sourcestamps,
      update_sourcestamp = o.update_sourcestamp,
      always_use_latest = o.always_use_latest,
      wait_for_finish = o.wait_for_finish,
      set_properties = properties,
      parent_relationship = o.parent_relationship,
    }).results
  end,
}
