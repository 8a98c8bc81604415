-- What a configuration sees as its globals: the libraries behind views that cannot be changed, its
-- own variables, `require` for its own modules. The embedded modules get the same names with a
-- `require` of their own, so that nothing the user does changes what they call. Runs last.

local _, native = ...

local next0, error0, type0, rawset0, rawget0, setmetatable0 = next, error, type, rawset, rawget, setmetatable
local tostring0, concat0, metafield = tostring, table.concat, native.metafield

-- Modules --------------------------------------------------------------------------------------

local loaded = {}
-- The modules that are being loaded, outermost first.
local chain = {}

-- Modules that need each other see what is there so far.
function native.provide(name, value) loaded[name] = value end

local function entered(name, verb)
  for i, open in ipairs(chain) do
    if open == name then
      local loop = concat0(chain, " -> ", i) .. " -> " .. name
      error0(("%s in a circle: %s. Move what both need into a third file."):format(verb, loop), 3)
    end
  end
  chain[#chain + 1] = name
  local depth = #chain
  return setmetatable0({}, {
    __close = function()
      for i = #chain, depth, -1 do chain[i] = nil end
    end,
  })
end

-- What `require` gives for a module without a `return`: whoever uses it is told so.
local function silent(file)
  local name = ("module that returns nothing (%s)"):format(file)
  local function refuse(what)
    return function(_, key)
      local which = what == "field" and ("field `%s`"):format(tostring0(key)) or what
      error0(("this module has no %s: %s returns nothing; end it with `return …`."):format(which, file), 2)
    end
  end
  return setmetatable0({}, {
    __name = name,
    __metatable = false,
    __index = refuse "field",
    __newindex = refuse "field",
    __call = refuse "function",
    __len = refuse "length",
    __pairs = refuse "contents",
    __tostring = function() return name end,
  })
end

local function required(name, is_inner)
  local known = loaded[name]
  if known ~= nil then return known end
  if type0(name) ~= "string" then error0("require takes a module's name, got a " .. type0(name) .. ".", 3) end
  -- The name that tracebacks know the module's own text by.
  local file_itself, second, file = native.module(name, is_inner)
  local _ <close> = entered(name, "modules require each other")
  local value = file_itself(name, second)
  if value ~= nil then
    loaded[name] = value
  elseif loaded[name] == nil then
    loaded[name] = file and silent(file) or true
  end
  return loaded[name]
end

function require(name)
  if native.is_internal(name) then
    error0(('"%s" is internal; what it offers is in require "ci".'):format(name), 2)
  end
  local value = required(name, false)
  return value
end

function dofile(path)
  local file_itself = native.file_chunk(path)
  local _ <close> = entered(tostring0(path), "files run each other")
  local value = table.pack(file_itself())
  return table.unpack(value, 1, value.n)
end

function print(...)
  local parts = table.pack(...)
  for i = 1, parts.n do parts[i] = tostring0(parts[i]) end
  native.print(concat0(parts, "\t"))
end

loadfile, collectgarbage, warn, string.dump = nil, nil, nil, nil

-- Views ----------------------------------------------------------------------------------------

-- `missing(key)` is called for a name that the library lacks; `index` looks things up.
local function view(name, library, missing, index)
  local meta = {
    __name = "library",
    __metatable = false,
    __index = index or library,
    __newindex = function(_, key)
      error0(("the library `%s` cannot be changed (`%s`); keep it in a table of your own.")
        :format(name, tostring0(key)), 2)
    end,
    __pairs = function() return pairs(library) end,
  }
  if missing then setmetatable0(library, { __index = missing }) end
  return setmetatable0({}, meta)
end

local function not_here(name)
  return function(_, key)
    error0(("%s.%s is not available: a configuration reads files and the environment, and changes nothing.")
      :format(name, tostring0(key)), 2)
  end
end

local G, base = _G, {}
for name, value in next0, G do base[name] = value end
local meta = { __index = base }
setmetatable0(G, meta)
for name in next0, base do G[name] = nil end
for _, name in ipairs { "string", "table", "math", "utf8" } do
  base[name] = view(name, base[name])
end
local coroutines = base.coroutine
base.coroutine = view("coroutine", coroutines, nil, function(_, key)
  -- See `waiting` in `src/script/bind/mod.rs`.
  if key == "yield" and native.makes_waits then return native.yield end
  return coroutines[key]
end)
base.io, base.os = view("io", base.io, not_here "io"), view("os", base.os, not_here "os")
-- Texts keep their methods, behind a metatable that nobody gets.
getmetatable("").__metatable = false

local function undefined(_, name)
  local known = {}
  for key in next0, base do known[#known + 1] = tostring0(key) end
  for key in next0, G do known[#known + 1] = tostring0(key) end
  error0(("undefined variable `%s`.%s"):format(tostring0(name), native.global_hint(tostring0(name), known)), 2)
end
setmetatable0(base, { __index = undefined })

local function replaced(name, level)
  error0(("`%s` is part of Lua and cannot be replaced; use a local variable of another name.")
    :format(tostring0(name)), level)
end

meta.__metatable = false
function meta.__newindex(_, name, value)
  if rawget0(base, name) ~= nil then replaced(name, 3) end
  rawset0(G, name, value)
end

function native.refuse_rawset(t, key)
  if t ~= G then
    error0(("this %s cannot be changed (`%s`)."):format(metafield(t, "__name") or "table", tostring0(key)), 3)
  end
  if rawget0(base, key) ~= nil then replaced(key, 4) end
end

-- The globals of the embedded modules.
native.inner = setmetatable0({ require = function(name) return required(name, true) end }, {
  __metatable = false,
  __index = base,
  __newindex = function(_, name) error0(("a module of ci sets the global `%s`."):format(tostring0(name)), 2) end,
})
