-- What builders and workers know of the present. Rust tells it for the time of a call that decides
-- something; before and after there is no present to tell of.

local _, native = ...

-- object → its values now
native.live = setmetatable({}, { __mode = "k" })

local function reader(kind, name)
  return function(self)
    local values = native.live[self]
    if values then return values[name] end
    error(("%s:%s() is known inside functions that decide about builds (prioritize_builders, next_worker …), for what they are given.")
      :format(kind, name), 2)
  end
end

local function methods(kind, names)
  local out = {}
  for _, name in ipairs(names) do out[name] = reader(kind, name) end
  return out
end

-- For `can_start_build`: a request with the property `workername` is built there and nowhere else.
local function enforce_chosen_worker(_, worker, request)
  local chosen = request.properties.workername
  return type(chosen) ~= "string" or chosen == "" or chosen == worker.name
end

return {
  enforce_chosen_worker = enforce_chosen_worker,
  builder = methods("builder", { "pending", "running", "highest_priority", "oldest_request_time", "newest_complete_time" }),
  worker = methods("worker", { "running" }),
}
