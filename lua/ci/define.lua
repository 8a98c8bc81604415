-- How objects are made: a constructor keeps the table it was given, with its kind and the user's
-- file and line, and returns a read-only object. Nothing is checked here; that is done when the
-- whole configuration is read, so that all errors are told together.

local _, native = ...
local define = {}

-- object → { kind, options, file, line, called, type }
local records = setmetatable({}, { __mode = "k" })
-- constructor → { name, kind, type }
local constructors = setmetatable({}, { __mode = "k" })
-- Every object in the order it was made, so that objects nobody uses are checked too; none once the
-- configuration is in effect, because callbacks make objects as well.
native.constructors, native.made = constructors, {}

local metatables = {}

-- Methods and behaviour per kind; `index` replaces the reading of fields.
function define.kind(kind, methods, extra)
  local meta = {
    __name = kind,
    __metatable = false,
    __index = function(self, key)
      local record = records[self]
      local value = record.options[key]
      if value ~= nil then return value end
      local method = methods and methods[key]
      if method ~= nil then return method end
      -- What is known of the present, while a call lasts that was told: `worker.info`.
      local live = methods and native.live[self]
      return live and live[key]
    end,
    __newindex = function(_, key)
      error(("this %s cannot be changed after it was made; give `%s` to its constructor, or keep it in `data`.")
        :format(kind, tostring(key)), 2)
    end,
    __pairs = function(self) return pairs(records[self].options) end,
    __tostring = function(self)
      local name = records[self].options.name
      return kind .. (type(name) == "string" and (" %q"):format(name) or "")
    end,
  }
  for key, value in pairs(extra or {}) do meta[key] = value end
  metatables[kind] = meta
  return meta
end

function define.object(kind, options, called, type_)
  local object = setmetatable({}, metatables[kind])
  local file, line = native.site()
  records[object] = { kind = kind, options = options, file = file, line = line, called = called, type = type_ }
  if native.made then table.insert(native.made, object) end
  return object
end

function define.record(object) return records[object] end

function native.record(object)
  local record = records[object]
  if not record then return nil, nil, nil, 0, "" end
  return record.kind, record.options, record.file, record.line, record.called, record.type
end

function define.constructor(f, about)
  constructors[f] = about
  return f
end

-- What stands for a name that does not exist, or for what could not be made: the error is recorded,
-- and loading goes on.
local nothing = setmetatable({}, {
  __name = "broken",
  __metatable = false,
  -- It has no elements: a loop over them would never end.
  __index = function(self, key) if type(key) ~= "number" then return self end end,
  __newindex = function() end,
  __call = function(self) return self end,
  __concat = function(self) return self end,
})
native.broken = nothing

-- A constructor that takes one table of options.
function define.maker(kind, called, full_name, methods, extra)
  if not metatables[kind] then define.kind(kind, methods, extra) end
  local function make(options)
    if type(options) ~= "table" or records[options] then
      native.problem(("%s takes one table of options: %s { … }."):format(full_name, full_name))
      return nothing
    end
    return define.object(kind, options, called)
  end
  return define.constructor(make, { name = full_name, kind = kind })
end

-- A function that is known and cannot do its work yet: it is told, never ignored.
function define.later(name)
  return function()
    native.problem(name .. " is not available yet.", "It is known, but this version cannot do it; leave it out.")
    return nothing
  end
end

-- A table of constructors of one sort; the kind of each is its name with `suffix`.
function define.makers(path, suffix, names)
  local makers = {}
  for _, name in ipairs(names) do makers[name] = define.maker(name .. suffix, name, path .. "." .. name) end
  return define.namespace(path, makers)
end

-- A table whose unknown names are recorded as errors, with the nearest known one.
function define.namespace(name, entries, lazy)
  local known = {}
  for key in pairs(entries) do known[#known + 1] = key end
  for key in pairs(lazy or {}) do known[#known + 1] = key end
  table.sort(known)
  -- Entries stand behind an empty table, so that no assignment reaches them.
  return setmetatable({}, {
    __name = "namespace",
    __metatable = false,
    __index = function(_, key)
      local value = entries[key]
      if value ~= nil then return value end
      if lazy and lazy[key] then
        value = lazy[key]()
        entries[key] = value
        return value
      end
      local hint = native.nearest(tostring(key), known, name)
        or #known <= 12 and ("It has %s."):format(table.concat(known, ", "))
        or nil
      native.problem(("there is no `%s` in %s."):format(tostring(key), name), hint)
      return nothing
    end,
    __newindex = function(_, key)
      error(("%s cannot be changed (`%s`)."):format(name, tostring(key)), 2)
    end,
    __pairs = function(self)
      for _, key in ipairs(known) do local _ = self[key] end
      return function(_, last)
        for i, key in ipairs(known) do
          if last == nil or key == last then
            local at = last == nil and key or known[i + 1]
            return at, at and self[at]
          end
        end
      end, self, nil
    end,
  })
end

-- A read-only view for callbacks. With `known`, reading any other name is an error.
function native.frozen(values, message, known)
  local names = {}
  for _, name in ipairs(known or {}) do names[name] = true end
  return setmetatable({}, {
    __values = values,
    __known = names,
    __metatable = false,
    __index = function(_, key)
      local value = values[key]
      if value == nil and known and not names[key] then
        local near = native.nearest(tostring(key), known)
        -- Who takes a step for its build.
        local of_build = values.build ~= nil and native.metafield(values.build, "__known")
        if of_build and of_build[key] then near = ("This is a step: it is in `step.build.%s`."):format(key) end
        error(("there is no field `%s` here.%s"):format(tostring(key), near and " " .. near or ""), 2)
      end
      return value
    end,
    __newindex = function() error(message, 2) end,
    __pairs = function() return pairs(values) end,
  })
end

-- Other defaults ---------------------------------------------------------------------------------

local function takes(about, key)
  for _, option in ipairs(native.options(about.kind) or {}) do
    if option == key then return true end
  end
  return about.type ~= nil and about.type.options ~= nil and about.type.options[key] ~= nil
end

-- Every option that one of several constructors takes.
local function taken_by(makers)
  local out = {}
  for _, make in pairs(makers) do
    local about = constructors[make] or {}
    for _, option in ipairs(about.kind and native.options(about.kind) or {}) do out[#out + 1] = option end
    for option in pairs(about.type and about.type.options or {}) do out[#out + 1] = option end
  end
  return out
end

local function defaulted(make, defaults)
  local about = constructors[make]
  local mine = {}
  for key, value in pairs(defaults) do
    if takes(about, key) then mine[key] = value end
  end
  return define.constructor(function(options)
    if type(options) ~= "table" or records[options] then return make(options) end
    local merged = {}
    for key, value in pairs(mine) do merged[key] = value end
    for key, value in pairs(options) do merged[key] = value end
    return make(merged)
  end, about)
end

function define.with_defaults(what, defaults)
  if type(defaults) ~= "table" then
    native.problem "ci.with_defaults takes a constructor (or a table of them) and a table of defaults."
    return what
  end
  local alone = constructors[what] ~= nil
  if alone then what = { what } elseif type(what) ~= "table" then
    native.problem "ci.with_defaults takes a constructor such as ci.steps.shell, or a table of them such as ci.steps."
    return what
  end
  local out, used = {}, {}
  for name, make in pairs(what) do
    local about = constructors[make]
    if about then
      for key in pairs(defaults) do used[key] = used[key] or takes(about, key) end
      out[name] = defaulted(make, defaults)
    end
  end
  for key in pairs(defaults) do
    if not used[key] then
      native.problem(
        ("no constructor given to ci.with_defaults takes the option `%s`."):format(tostring(key)),
        native.nearest(tostring(key), taken_by(what))
      )
    end
  end
  if alone then return out[1] end
  return define.namespace("this table of constructors", out)
end

-- Step types -------------------------------------------------------------------------------------

define.kind "step"

function define.step_type(type_)
  if type(type_) ~= "table" then
    native.problem "ci.step_type takes one table: { name, options, run }."
    type_ = {}
  end
  define.kind "step type"
  local object = define.object("step type", type_, "step_type")
  local full_name = "steps." .. tostring(type_.name)
  local function make(options)
    if type(options) ~= "table" or records[options] then
      native.problem(("%s takes one table of options: %s { … }."):format(full_name, full_name))
      return nothing
    end
    return define.object("step", options, type_.name, object)
  end
  return define.constructor(make, { name = full_name, kind = "step", type = type_ })
end

-- Kinds with a way of their own ------------------------------------------------------------------

local factory_methods = {}

function factory_methods.add(self, ...)
  local record = records[self]
  if not record or record.kind ~= "factory" then error("call it with a colon: factory:add(step).", 2) end
  for _, step in ipairs(table.pack(...)) do table.insert(record.options, step) end
  return self
end

-- What Buildbot assigns to a factory.
local of_factories = {
  workdir = "`workdir` is an option of the builder: ci.builder { workdir = … }.",
  use_progress = "how long a build will take is estimated without being told; leave `use_progress` out.",
}
of_factories.useProgress = of_factories.use_progress

define.kind("factory", factory_methods, {
  __newindex = function(_, key)
    error(of_factories[key] or ("a factory has nothing to assign to (`%s`); steps come in by factory:add(step)."):format(tostring(key)), 2)
  end,
})

function define.factory(steps)
  local own = {}
  if type(steps) == "table" and not records[steps] then
    own[1] = steps
  elseif steps ~= nil then
    own[1] = steps
  end
  return define.object("factory", own, "factory")
end
define.constructor(define.factory, { name = "ci.factory", kind = "factory" })

local lock_methods = {}

function lock_methods.access(self, mode, count)
  if not records[self] then error("call it with a colon: lock:access(mode).", 2) end
  return define.object("access", { lock = self, mode = mode, count = count }, "access")
end

define.kind "access"

function define.lock(kind, full_name) return define.maker(kind, kind, full_name, lock_methods) end

-- The configuration itself: each key remembers the line that set it.
local sites = setmetatable({}, { __mode = "k" })
native.sites = sites
define.kind("config", nil, {
  __newindex = function(self, key, value)
    records[self].options[key] = value
    local file, line = native.site()
    sites[self][key] = { file = file, line = line }
  end,
})

function define.config(options)
  local config = define.object("config", {}, "config")
  sites[config] = {}
  if type(options) == "table" then
    for key, value in pairs(options) do config[key] = value end
  end
  return config
end
define.constructor(define.config, { name = "ci.config", kind = "config" })

return define
