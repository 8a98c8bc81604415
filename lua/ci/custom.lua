-- What the functions of one's own schedulers, reporters and hooks hold when they are called. They
-- get plain data and say what they want; it is collected here, handed back as plain data, and done
-- by the engine when the call has ended well, so that it is done once.

local _, native = ...
local define = require "ci.define"
local custom = {}

-- The constructors of types --------------------------------------------------------------------

-- `kind` is what the new constructor makes.
local function maker(kind, full_name)
  define.kind(kind .. " type")
  define.kind(kind)
  return function(type_)
    if type(type_) ~= "table" or define.record(type_) then
      native.problem(("%s takes one table: %s { name = …, … }."):format(full_name, full_name))
      type_ = {}
    end
    local of = define.object(kind .. " type", type_, kind .. "_type")
    local name = type(type_.name) == "string" and type_.name or kind
    local function make(options)
      if type(options) ~= "table" or define.record(options) then
        native.problem(("%s takes one table of options: %s { … }."):format(name, name))
        return native.broken
      end
      return define.object(kind, options, name, of)
    end
    return define.constructor(make, { name = name, kind = kind, type = type_ })
  end
end

custom.scheduler_type = maker("scheduler", "ci.scheduler_type")
custom.reporter_type = maker("reporter", "ci.reporter_type")
custom.hook_type = maker("hook", "ci.hook_type")

-- What functions hold --------------------------------------------------------------------------

local function nearest(key, names)
  local near = native.nearest(tostring(key), names)
  return near and " " .. near or ""
end

-- A table with these values and methods and nothing else; only `writable` may be set.
local function handle(kind, values, methods, writable)
  local names = {}
  for key in pairs(values) do names[#names + 1] = key end
  for key in pairs(methods) do names[#names + 1] = key end
  if writable then names[#names + 1] = writable end
  table.sort(names)
  local known = {}
  for _, key in ipairs(names) do known[key] = true end
  known.data = true
  return setmetatable({}, {
    __name = kind,
    __metatable = false,
    __index = function(_, key)
      local value = values[key]
      if value == nil then value = methods[key] end
      if value == nil and not known[key] then
        error(("a %s has no field `%s`.%s"):format(kind, tostring(key), nearest(key, names)), 2)
      end
      return value
    end,
    __newindex = function(_, key, value)
      if key ~= writable then
        error(("`%s` of a %s cannot be set here."):format(tostring(key), kind), 2)
      end
      values[key] = value
    end,
  })
end

-- The options that the type declares, and the object's name and `data`.
local function values_of(object, own, name)
  local names = {}
  for key in pairs(own.declared) do names[#names + 1] = key end
  return {
    name = name,
    data = define.record(object).options.data,
    options = native.frozen(own.values, "options cannot be changed here.", names),
  }
end

local function known_only(options, names, what)
  if type(options) ~= "table" or define.record(options) then error(what .. " takes a table.", 3) end
  for key in pairs(options) do
    local fits = false
    for _, name in ipairs(names) do fits = fits or name == key end
    if not fits then error(("%s has no option `%s`.%s"):format(what, tostring(key), nearest(key, names)), 3) end
  end
end

local function typed(options, key, wanted, what)
  local value = options[key]
  if value == false then value = nil end
  local is = wanted == "integer" and math.type(value) or type(value)
  if value ~= nil and is ~= wanted then
    local article = wanted == "integer" and "an" or "a"
    error(("`%s` of %s must be %s %s, not %s."):format(key, what, article, wanted, native.a_type(value)), 3)
  end
  return value
end

local function plain(value, what)
  local found = native.unplain(value)
  if found then error(("%s must be plain data, not %s."):format(what, found), 3) end
  return value
end

local function seconds(value, what)
  if type(value) ~= "number" or value ~= value or value == math.huge or value < 0 then
    error(("%s is a time in seconds since 1970, such as ci.time.now() + 60, not %s.")
      :format(what, native.a_type(value)), 3)
  end
  return value
end

-- Schedulers -----------------------------------------------------------------------------------

local BUILD = { "builders", "changes", "priority", "properties", "reason", "sourcestamps" }
local STAMP = { "branch", "codebase", "project", "repository", "revision" }

local function change_ids(value, out)
  if math.type(value) == "integer" then
    out[#out + 1] = value
  elseif type(value) == "table" and math.type(value.id) == "integer" then
    out[#out + 1] = value.id
  elseif type(value) == "table" and value.id == nil then
    for _, one in pairs(value) do change_ids(one, out) end
  elseif value then
    error(("`changes` of scheduler:build takes changes or their ids, not %s."):format(native.a_type(value)), 3)
  end
  return out
end

local function stamps(value)
  if value == nil or value == false then return {} end
  if type(value) ~= "table" then
    error("`sourcestamps` of scheduler:build is a table such as { branch = …, revision = … }, or a list of them.", 3)
  end
  local list = value
  for key in pairs(value) do
    if type(key) == "string" then list = { value } end
  end
  local out = {}
  for _, stamp in pairs(list) do
    known_only(stamp, STAMP, "a sourcestamp of scheduler:build")
    local copy = {}
    for _, key in ipairs(STAMP) do copy[key] = typed(stamp, key, "string", "a sourcestamp") end
    out[#out + 1] = copy
  end
  return out
end

-- Names of builders, or the builders themselves; all must be the scheduler's.
local function builder_names(value, builders)
  if value == nil or value == false then return nil end
  local out = {}
  local function add(one)
    if type(one) == "table" and not define.record(one) then
      for _, inner in pairs(one) do add(inner) end
      return
    end
    local name = type(one) == "table" and one.name or one
    local fits = false
    for _, builder in ipairs(builders) do fits = fits or builder == name end
    if not fits then
      error(("the scheduler does not start the builder `%s`.%s"):format(tostring(name), nearest(name, builders)), 4)
    end
    out[#out + 1] = name
  end
  add(value)
  return native.array(out)
end

-- `default` says what is built when the call says nothing: what it was called for.
local function planned(options, builders, default)
  options = options == nil and {} or options
  known_only(options, BUILD, "scheduler:build")
  local source = (options.changes or options.sourcestamps) and options or default
  return {
    builders = builder_names(options.builders, builders),
    changes = native.array(change_ids(source.changes, {})),
    sourcestamps = native.array(stamps(source.sourcestamps)),
    reason = typed(options, "reason", "string", "scheduler:build"),
    properties = plain(typed(options, "properties", "table", "scheduler:build") or {}, "`properties` of scheduler:build"),
    priority = typed(options, "priority", "integer", "scheduler:build") or 0,
  }
end

-- `own` = { name, builders, values, declared }; `call` is the function's name in the type.
function native.bind_scheduler(object, own, call, f)
  return function(view, what)
    local builds, timer = {}, nil
    local default = {}
    if call == "on_change" then default = { changes = what } end
    if call == "on_buildset" then default = what end
    if call == "on_timer" then what = view.now end
    local methods = {}
    function methods.build(_, options) builds[#builds + 1] = planned(options, own.builders, default) end
    function methods.at(_, time) timer = { at = seconds(time, "what scheduler:at takes") } end
    local values = values_of(object, own, own.name)
    values.builders, values.state = own.builders, view.state or {}
    local answer = f(handle("scheduler", values, methods, "state"), what)
    if call == "on_timer" then
      if answer then timer = { at = seconds(answer, "what on_timer returns") } end
      timer = timer or {}
    end
    local state = values.state
    if state == nil then state = {} end
    return { builds = native.array(builds), state = plain(state, "scheduler.state"), timer = timer }
  end
end

-- Reporters ------------------------------------------------------------------------------------

function native.bind_reporter(object, own, _, f)
  return function(event)
    local given_up
    local methods = {}
    function methods.give_up(_, reason) given_up = reason == nil and "given up" or tostring(reason) end
    f(handle("reporter", values_of(object, own, own.name), methods), event)
    return { given_up = given_up }
  end
end

-- Hooks ----------------------------------------------------------------------------------------

function native.bind_hook(object, own, call, f)
  return function(request)
    local skipped
    local methods = {}
    function methods.skip(_, reason)
      skipped = reason == nil and "the configuration does not want it." or tostring(reason)
    end
    local values = values_of(object, own, own.name)
    if call == "verify" then
      values.secret = define.record(object).options.secret
      return f(handle("hook", values, methods, "secret"), request) == true
    end
    local changes = f(handle("hook", values, methods), request)
    if skipped or not changes then changes = {} end
    if type(changes) ~= "table" then
      error(("`read` of a hook returns a list of changes (or nil for none), not %s."):format(native.a_type(changes)), 0)
    end
    for key in pairs(changes) do
      if math.type(key) ~= "integer" then
        error("`read` of a hook returns a list of changes: { { revision = …, … } }.", 0)
      end
    end
    return { changes = native.array(changes), skipped = skipped }
  end
end

return custom
